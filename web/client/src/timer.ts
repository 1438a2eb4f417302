// SPDX-License-Identifier: MIT
/** One timer that is started anew or stopped; owned by the object it wakes. */
export class Timer {
  private handle: ReturnType<typeof setTimeout> | null = null;

  get running(): boolean {
    return this.handle !== null;
  }

  /** Runs `task` once after `delayMs`; a task still waiting is forgotten. */
  start(delayMs: number, task: () => void): void {
    this.stop();
    this.handle = setTimeout(() => {
      this.handle = null;
      task();
    }, delayMs);
  }

  stop(): void {
    if (this.handle !== null) {
      clearTimeout(this.handle);
      this.handle = null;
    }
  }
}
