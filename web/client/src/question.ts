// SPDX-License-Identifier: MIT
/**
 * Asks the application one thing at a time, for a token or for the state. It answers, fails, or
 * runs out of time; whichever comes first counts, and what comes later is ignored.
 */
import { Timer } from './timer.js';

export class Question {
  private readonly limit = new Timer();
  private turn = 0;

  constructor(private readonly limitMs: number) {}

  /** Calls `use` at once when the answer is at hand. Replaces a question that is still open. */
  ask<Answer>(
    answer: Answer | Promise<Answer>,
    use: (answer: Answer) => void,
    fail: (cause: unknown) => void,
  ): void {
    this.stop();
    if (!(answer instanceof Promise)) {
      use(answer);
      return;
    }
    const mine = this.turn;
    const settle = (then: () => void) => {
      if (mine === this.turn) {
        this.stop();
        then();
      }
    };
    const late = () => fail(new Error(`no answer within ${this.limitMs} ms`));
    this.limit.start(this.limitMs, () => settle(late));
    answer.then(
      (value) => settle(() => use(value)),
      (cause: unknown) => settle(() => fail(cause)),
    );
  }

  /** Ignores the answer. */
  stop(): void {
    this.turn += 1;
    this.limit.stop();
  }
}
