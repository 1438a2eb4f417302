// SPDX-License-Identifier: MIT
/** A long scoreboard, a screen at a time, and the letters of its columns. */

export const ROWS_PER_PAGE = 30;
/** Whoever leads is looked at longest. */
const FIRST_PAGE_MS = 20_000;
const PAGE_MS = 10_000;

export const pageCount = (rows: number) => Math.max(1, Math.ceil(rows / ROWS_PER_PAGE));

export function pageOf<Row>(rows: readonly Row[], page: number): readonly Row[] {
  return rows.slice(page * ROWS_PER_PAGE, (page + 1) * ROWS_PER_PAGE);
}

/** How long a page is shown before the next one. */
export const pageMs = (page: number) => (page === 0 ? FIRST_PAGE_MS : PAGE_MS);

const LETTERS = 26;

/** A to Z, then AA, AB …: what contestants call the problem in this column. */
export function letterOf(column: number): string {
  const last = String.fromCharCode('A'.charCodeAt(0) + (column % LETTERS));
  return column < LETTERS ? last : letterOf(Math.floor(column / LETTERS) - 1) + last;
}
