// SPDX-License-Identifier: MIT
/** How long an event was under way, and how far what is shown is behind. */

/** More than this is no latency but an event of another day, or another clock. */
const MEANINGFUL_MS = 3_600_000;

/** Since the judge's time of the event; `isExact` is false when that was given in whole seconds. */
export interface SincePosted {
  readonly ms: number;
  readonly isExact: boolean;
}

/** Null: the two clocks do not agree, or the time says nothing. */
export function sincePosted(timestampS: number, nowMs: number): SincePosted | null {
  const ms = nowMs - timestampS * 1000;
  if (!Number.isFinite(ms) || ms < 0 || ms > MEANINGFUL_MS) {
    return null;
  }
  return { ms, isExact: !Number.isInteger(timestampS) };
}

/** How far the events that are drawn are behind. Clocks differ: the quickest event of all counts as
 * not late at all. */
export interface Lateness {
  /** An event is drawn now. */
  note(timestampS: number, nowMs: number): void;
  /** Of the newest event that was noted; 0 before the first. */
  readonly ms: number;
}

export function createLateness(): Lateness {
  let quickestMs = Infinity;
  let lastMs = 0;
  return {
    note(timestampS, nowMs) {
      const ms = nowMs - timestampS * 1000;
      if (Number.isFinite(ms)) {
        quickestMs = Math.min(quickestMs, ms);
        lastMs = ms - quickestMs;
      }
    },
    get ms() {
      return lastMs;
    },
  };
}

/** Calls back after the next drawing, with the milliseconds since now; not while nothing is drawn. */
export function afterDrawing(done: (ms: number) => void): void {
  if (document.hidden) {
    return;
  }
  const start = performance.now();
  // The first frame draws what changed, the message behind it comes after that drawing.
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      done(performance.now() - start);
    };
    channel.port2.postMessage(null);
  });
}
