// SPDX-License-Identifier: MIT
/** One timer that is started anew or stopped; owned by the object it wakes. */

/** The longest delay that `setTimeout` takes; beyond it, it fires at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

export class Timer {
  private handle: ReturnType<typeof setTimeout> | null = null;
  private never = false;

  /** Also while it waits for a time that never comes. */
  get running(): boolean {
    return this.never || this.handle !== null;
  }

  /**
   * Runs `task` once after `delayMs`; a task still waiting is forgotten. Infinity, and whatever
   * is longer than {@link MAX_DELAY_MS} (24 days), means never.
   */
  start(delayMs: number, task: () => void): void {
    this.stop();
    if (delayMs > MAX_DELAY_MS) {
      this.never = true;
      return;
    }
    this.handle = setTimeout(() => {
      this.handle = null;
      task();
    }, delayMs);
  }

  stop(): void {
    this.never = false;
    if (this.handle !== null) {
      clearTimeout(this.handle);
      this.handle = null;
    }
  }
}
