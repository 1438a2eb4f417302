// SPDX-License-Identifier: MIT
/**
 * Exponential backoff with full jitter: each delay is anywhere between 0 and a ceiling that
 * doubles from `baseMs` up to `maxMs`, so that clients that lost the same gateway at the same
 * moment do not come back at the same moment.
 */
import { MAX_DELAY_MS } from './timer.js';

export class Backoff {
  private count = 0;

  constructor(
    readonly baseMs: number,
    public maxMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** How many delays were given out since the last reset. */
  get attempts(): number {
    return this.count;
  }

  next(): number {
    const ceiling = Math.min(this.maxMs, MAX_DELAY_MS, this.baseMs * 2 ** this.count);
    this.count += 1;
    return Math.floor(this.random() * ceiling);
  }

  /** Skips the short delays: for a gateway that says it is overloaded. */
  atLeast(attempts: number): void {
    this.count = Math.max(this.count, attempts);
  }

  reset(): void {
    this.count = 0;
  }
}
