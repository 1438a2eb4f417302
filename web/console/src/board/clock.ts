// SPDX-License-Identifier: MIT
/** What a contest's clock shows. */
import type { Scoreboard } from 'broadcaster-client';

export type Phase = 'before' | 'running' | 'over' | 'unknown';

export interface ContestClock {
  readonly phase: Phase;
  /** Until the start, or until the end; 0 otherwise. */
  readonly leftMs: number;
  /** The scoreboard no longer shows what is judged. */
  readonly isFrozen: boolean;
}

type Times = Pick<Scoreboard, 'startS' | 'finishS' | 'freezeS'>;

export function contestClock({ startS, finishS, freezeS }: Times, nowMs: number): ContestClock {
  const until = (s: number | null) => (s === null ? null : s * 1000 - nowMs);
  const toStart = until(startS);
  const toFinish = until(finishS);
  if (toStart !== null && toStart > 0) {
    return { phase: 'before', leftMs: toStart, isFrozen: false };
  }
  if (toFinish === null) {
    return { phase: 'unknown', leftMs: 0, isFrozen: (until(freezeS) ?? 1) <= 0 };
  }
  const isRunning = toFinish > 0;
  return {
    phase: isRunning ? 'running' : 'over',
    leftMs: Math.max(0, toFinish),
    isFrozen: isRunning && (until(freezeS) ?? 1) <= 0,
  };
}
