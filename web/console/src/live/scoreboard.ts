// SPDX-License-Identifier: MIT
/** A scoreboard as it comes, in any of the judge's shapes, as rows to show. */

export interface BoardCell {
  readonly problem: string;
  readonly points: number;
  readonly runs: number;
}

export interface BoardRow {
  readonly name: string;
  readonly place: number;
  readonly points: number;
  readonly penalty: number | null;
  readonly cells: readonly BoardCell[];
  /** Places won since the board before; negative: lost. */
  readonly climbed: number;
  readonly scored: boolean;
}

export interface Board {
  readonly problems: readonly string[];
  readonly hasPenalty: boolean;
  readonly rows: readonly BoardRow[];
}

type Fields = Record<string, unknown>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function numberOf(...candidates: unknown[]): number | null {
  for (const value of candidates) {
    if (typeof value === 'number' && Number.isFinite(value)) {
      return value;
    }
  }
  return null;
}

function textOf(...candidates: unknown[]): string {
  return candidates.find((value): value is string => typeof value === 'string' && value !== '') ?? '';
}

function toCells(problems: unknown): BoardCell[] {
  if (!Array.isArray(problems)) {
    return [];
  }
  return problems.map(fieldsOf).map((cell) => ({
    problem: textOf(cell['alias'], cell['problem_alias']),
    points: numberOf(cell['points']) ?? 0,
    runs: numberOf(cell['runs']) ?? 0,
  }));
}

function toRow(value: unknown, index: number, before: ReadonlyMap<string, BoardRow>): BoardRow {
  const entry = fieldsOf(value);
  const total = fieldsOf(entry['total']);
  const name = textOf(entry['username'], entry['name']) || `#${index + 1}`;
  const place = numberOf(entry['place']) ?? index + 1;
  const points = numberOf(total['points'], entry['points'], entry['score']) ?? 0;
  const last = before.get(name);
  return {
    name, place, points,
    penalty: numberOf(total['penalty'], entry['penalty']),
    cells: toCells(entry['problems']),
    climbed: last ? last.place - place : 0,
    scored: last !== undefined && last.points !== points,
  };
}

/** The names of the columns: those the board lists, else those of its cells. */
function problemNames(listed: unknown, rows: readonly BoardRow[]): string[] {
  const names = Array.isArray(listed)
    ? listed.map((one) => (typeof one === 'string' ? one : textOf(fieldsOf(one)['alias'])))
    : rows.flatMap((row) => row.cells.map((cell) => cell.problem));
  return [...new Set(names.filter((name) => name !== ''))];
}

/**
 * The board in an event's data or in an answer of the judge's API; null when there is none.
 * `last` is the one shown before, from which the movement is told.
 */
export function toBoard(data: unknown, last: Board | null = null): Board | null {
  const outer = fieldsOf(data);
  const source = fieldsOf(outer['scoreboard'] ?? data);
  const ranking = source['ranking'];
  if (!Array.isArray(ranking)) {
    return null;
  }
  const before = new Map((last?.rows ?? []).map((row) => [row.name, row]));
  const rows = ranking.map((entry, index) => toRow(entry, index, before));
  return {
    problems: problemNames(source['problems'], rows),
    hasPenalty: rows.some((row) => row.penalty !== null && row.penalty !== 0),
    rows,
  };
}

/** Where this site's own judge has the board; anything that leads elsewhere is not followed. */
export function localAddress(url: unknown): string | null {
  return typeof url === 'string' && /^\/(?![/\\])/.test(url) ? url : null;
}
