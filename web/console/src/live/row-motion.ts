// SPDX-License-Identifier: MIT
/**
 * Rows of a scoreboard that glide to their new place, and light up when they scored. Rows stay where
 * they are in the document and only change their texts, so a move is drawn by shifting a row from
 * where its contestant stood: nothing is measured but one height, and only few rows in view move.
 */
import type { BoardRow } from './scoreboard.js';

/** More at once is a flicker that nobody can follow, and work that nobody sees. */
export const MOST_MOVING = 24;
/** Who comes from farther away comes from the edge. */
const FARTHEST_ROWS = 12;

export interface Motion {
  readonly moveMs: number;
  readonly lightMs: number;
}

export const CALM: Motion = { moveMs: 900, lightMs: 3_000 };
export const BRISK: Motion = { moveMs: 500, lightMs: 2_000 };

/** Which of the rows that are drawn are in view: the first, and the one after the last. */
export function rowsInView(top: number, height: number, count: number, viewHeight: number): [number, number] {
  if (height <= 0 || count === 0) {
    return [0, 0];
  }
  const each = height / count;
  return [
    Math.min(count, Math.max(0, Math.floor(-top / each))),
    Math.min(count, Math.max(0, Math.ceil((viewHeight - top) / each))),
  ];
}

const wantsStillness = () => globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches ?? false;

function animate(element: Element, row: BoardRow, rowHeight: number, motion: Motion): void {
  const from = Math.max(-FARTHEST_ROWS, Math.min(FARTHEST_ROWS, row.moved)) * rowHeight;
  if (from !== 0) {
    element.animate([{ transform: `translateY(${from}px)` }, { transform: 'none' }],
      { duration: motion.moveMs, easing: 'ease-in-out' });
  }
  if (row.scored) {
    const light = getComputedStyle(element).getPropertyValue('--good-tint');
    element.animate([{ backgroundColor: light, offset: 0 }], // to what it has
      { duration: motion.lightMs, easing: 'ease-out' });
  }
}

/** To be called when `rows` are in the document as the children of `body`. Returns how many move. */
export function moveRows(body: Element, rows: readonly BoardRow[], motion: Motion): number {
  if (wantsStillness()) {
    return 0;
  }
  const { top, height } = body.getBoundingClientRect();
  const [first, end] = rowsInView(top, height, rows.length, innerHeight);
  let moving = 0;
  for (let index = first; index < end && moving < MOST_MOVING; index += 1) {
    const row = rows[index]!;
    const element = body.children[index];
    if (element && (row.moved !== 0 || row.scored)) {
      animate(element, row, height / rows.length, motion);
      moving += 1;
    }
  }
  return moving;
}
