// SPDX-License-Identifier: MIT
/** The last resort: calls the application's function every now and then, never two at once. */
import { Timer } from './timer.js';

/** Fetches the state by other means and shows it. */
export type PollFunction = () => unknown;

export class Poller {
  private readonly timer = new Timer();
  private active = false;
  private busy = false;

  constructor(
    private readonly poll: PollFunction,
    private readonly intervalMs: number,
    private readonly onError: (cause: unknown) => void,
  ) {}

  get running(): boolean {
    return this.active;
  }

  /** Polls at once and then every interval; does nothing when it runs already. */
  start(): void {
    if (this.active) {
      return;
    }
    this.active = true;
    this.tick();
  }

  stop(): void {
    this.active = false;
    this.timer.stop();
  }

  private tick(): void {
    this.timer.start(this.intervalMs, () => this.tick());
    if (!this.busy) {
      this.busy = true;
      void this.pollOnce();
    }
  }

  private async pollOnce(): Promise<void> {
    try {
      await this.poll();
    } catch (cause) {
      if (this.active) {
        this.onError(cause);
      }
    } finally {
      this.busy = false;
    }
  }
}
