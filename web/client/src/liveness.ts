// SPDX-License-Identifier: MIT
/**
 * Finds a connection that died without a word. Silence makes it ask once; when nothing at all
 * comes back, the connection is dead. A transport that cannot ask just gets the longer wait.
 */
import { Timer } from './timer.js';

export interface LivenessOptions {
  /** Silence after which to ask. */
  silenceMs: number;
  /** How long an answer may take. */
  answerMs: number;
  /** Asks; absent for a transport that only listens. */
  ask?: () => void;
  onDead: () => void;
}

export class Liveness {
  private readonly timer = new Timer();
  private heardAt = 0;
  private asked = false;

  constructor(private readonly options: LivenessOptions) {}

  start(): void {
    this.heard();
    this.watch(this.options.silenceMs);
  }

  /** Something arrived. Cheap: called for every message, it touches no timer unless one asks. */
  heard(): void {
    this.heardAt = performance.now();
    if (this.asked) {
      this.asked = false;
      this.watch(this.options.silenceMs);
    }
  }

  /** Asks now, for instance because the machine may have slept. */
  check(): void {
    if (!this.asked && this.timer.running && this.options.ask) {
      this.askNow();
    }
  }

  /** Milliseconds since something arrived, or since the start. */
  get silentMs(): number {
    return performance.now() - this.heardAt;
  }

  stop(): void {
    this.timer.stop();
  }

  private watch(delayMs: number): void {
    this.timer.start(delayMs, () => this.onSilenceDue());
  }

  private onSilenceDue(): void {
    const rest = this.options.silenceMs - this.silentMs;
    if (rest > 0) {
      this.watch(rest);
    } else {
      this.askNow();
    }
  }

  private askNow(): void {
    this.asked = true;
    this.timer.start(this.options.answerMs, () => this.options.onDead());
    this.options.ask?.();
  }
}
