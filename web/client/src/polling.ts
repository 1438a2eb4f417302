// SPDX-License-Identifier: MIT
/** The last resort: calls the application's function every now and then, never two at once. */
import { Question } from './question.js';
import { Timer } from './timer.js';

/** Fetches the state by other means and shows it. */
export type PollFunction = () => unknown;

export class Poller {
  private readonly timer = new Timer();
  private readonly question: Question;
  private active = false;
  private busy = false;

  constructor(
    private readonly poll: PollFunction,
    private readonly intervalMs: number,
    private readonly onError: (cause: unknown) => void,
    limitMs = Infinity,
  ) {
    this.question = new Question(limitMs);
  }

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
    this.busy = false;
    this.question.stop();
    this.timer.stop();
  }

  private tick(): void {
    this.timer.start(this.intervalMs, () => this.tick());
    if (!this.busy) {
      this.busy = true;
      this.question.ask(
        callAsync(this.poll),
        () => void (this.busy = false),
        (cause) => {
          this.busy = false;
          this.onError(cause);
        },
      );
    }
  }
}

/** Calls at once; a fault becomes a rejection. */
async function callAsync(poll: PollFunction): Promise<void> {
  await poll();
}
