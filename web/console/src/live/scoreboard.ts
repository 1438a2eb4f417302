// SPDX-License-Identifier: MIT
/** A scoreboard, and what moved since the one that was shown before. */
import { readScoreboard, type Scoreboard, type ScoreboardRow } from 'broadcaster-client';

export interface BoardRow extends ScoreboardRow {
  /** Places won since the board before; negative: lost. */
  readonly climbed: number;
  /** Rows that it moved up on the screen; negative: down. */
  readonly moved: number;
  readonly scored: boolean;
}

export interface Board extends Omit<Scoreboard, 'rows'> {
  readonly hasPenalty: boolean;
  readonly rows: readonly BoardRow[];
}

interface Before {
  readonly row: BoardRow;
  readonly index: number;
}

const sameText = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** The row of the board before when nothing of it changed, so that it need not be drawn again. */
function withMovement(row: ScoreboardRow, index: number, before: Before | undefined): BoardRow {
  const next = {
    ...row,
    climbed: before ? before.row.place - row.place : 0,
    moved: before ? before.index - index : 0,
    scored: before !== undefined && before.row.points !== row.points,
  };
  return before && sameText(before.row, next) ? before.row : next;
}

/** The board in an event's data or in an answer of the judge's API; null when there is none. */
export function toBoard(data: unknown, last: Board | null = null): Board | null {
  const board = readScoreboard(data);
  if (!board) {
    return null;
  }
  const before = new Map<string, Before>((last?.rows ?? []).map((row, index) => [row.username, { row, index }]));
  const rows = board.rows.map((row, index) => withMovement(row, index, before.get(row.username)));
  return { ...board, hasPenalty: rows.some((row) => row.penalty !== null && row.penalty !== 0), rows };
}

/** Where this site's own judge has the board; anything that leads elsewhere is not followed. */
export function localAddress(url: unknown): string | null {
  return typeof url === 'string' && /^\/(?![/\\])/.test(url) ? url : null;
}
