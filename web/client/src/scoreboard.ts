// SPDX-License-Identifier: MIT
/**
 * The one reader of a scoreboard, in the documented shape (docs/protocol.md) and in the shapes that
 * omegaUp's grader and API give it. Whatever is absent stays null or empty.
 */

export interface ScoreboardCell {
  readonly points: number;
  /** Judged submissions. */
  readonly tries: number;
  /** Submissions whose verdict is not shown yet. */
  readonly pending: number;
  /** When it was solved, in minutes since the contest began. */
  readonly time: number | null;
  readonly solved: boolean;
  /** The first of the contest to solve this problem. */
  readonly first: boolean;
}

export interface ScoreboardRow {
  /** Unique within the scoreboard. */
  readonly username: string;
  /** What to show; the user name when there is no other. */
  readonly name: string;
  readonly school: string;
  /** Two lower-case letters (ISO 3166-1), or empty. */
  readonly country: string;
  readonly place: number;
  readonly points: number;
  readonly penalty: number | null;
  /** One for each of the scoreboard's problems; null: nothing was submitted. */
  readonly cells: readonly (ScoreboardCell | null)[];
}

/** Times in seconds since 1970; null: not told. */
export interface Scoreboard {
  readonly title: string;
  readonly startS: number | null;
  readonly finishS: number | null;
  readonly freezeS: number | null;
  readonly problems: readonly string[];
  readonly rows: readonly ScoreboardRow[];
}

type Fields = Record<string, unknown>;

const FULL_SCORE_PERCENT = 100;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function numberOf(...candidates: unknown[]): number | null {
  const found = candidates.find((value) => typeof value === 'number' && Number.isFinite(value));
  return (found as number | undefined) ?? null;
}

function textOf(...candidates: unknown[]): string {
  const found = candidates.find((value) => typeof value === 'string' && value !== '');
  return (found as string | undefined) ?? '';
}

/** A number of seconds, or omegaUp's `{"time": n}`. */
function timeOf(value: unknown): number | null {
  return numberOf(value, fieldsOf(value)['time']);
}

const aliasOf = (value: unknown) =>
  typeof value === 'string' ? value : textOf(fieldsOf(value)['alias'], fieldsOf(value)['problem_alias']);

function toCell(value: unknown): ScoreboardCell | null {
  const cell = fieldsOf(value);
  const points = numberOf(cell['points']) ?? 0;
  const tries = numberOf(cell['tries'], cell['runs']) ?? 0;
  const pending = cell['pending'] === true ? 1 : numberOf(cell['pending']) ?? 0;
  if (points === 0 && tries === 0 && pending === 0) {
    return null;
  }
  const percent = numberOf(cell['percent']);
  const solved = percent === null ? points > 0 : percent >= FULL_SCORE_PERCENT;
  return {
    points, tries, pending, solved,
    time: points > 0 ? numberOf(cell['time'], cell['penalty']) : null,
    first: cell['first'] === true,
  };
}

/** The cells in the order of the columns. */
function toCells(given: unknown, problems: readonly string[]): (ScoreboardCell | null)[] {
  const byProblem = new Map((Array.isArray(given) ? given : []).map((cell) => [aliasOf(cell), cell]));
  return problems.map((alias) => toCell(byProblem.get(alias)));
}

function toRow(value: unknown, index: number, problems: readonly string[]): ScoreboardRow {
  const entry = fieldsOf(value);
  const total = fieldsOf(entry['total']);
  const username = textOf(entry['username'], entry['name']) || `#${index + 1}`;
  const country = textOf(entry['country'], entry['country_id']).toLowerCase();
  return {
    username,
    name: textOf(entry['name'], username),
    school: textOf(entry['school']),
    country: /^[a-z]{2}$/.test(country) && country !== 'xx' ? country : '',
    place: numberOf(entry['place']) ?? index + 1,
    points: numberOf(total['points'], entry['points'], entry['score']) ?? 0,
    penalty: numberOf(total['penalty'], entry['penalty']),
    cells: toCells(entry['problems'], problems),
  };
}

/** The names of the columns: those that are listed, else those of the rows' cells. */
function problemNames(listed: unknown, ranking: readonly unknown[]): string[] {
  const names = Array.isArray(listed)
    ? listed.map(aliasOf)
    : ranking.flatMap((entry) => {
      const cells = fieldsOf(entry)['problems'];
      return Array.isArray(cells) ? cells.map(aliasOf) : [];
    });
  return [...new Set(names.filter((name) => name !== ''))];
}

/** The scoreboard in an event's `data` as it was sent, there or in `scoreboard`; undefined: none. */
export function scoreboardIn(data: unknown): unknown {
  const outer = fieldsOf(data);
  return outer['scoreboard'] ?? (Array.isArray(outer['ranking']) ? data : undefined);
}

/** The scoreboard in an event's `data` or in an answer of the judge's API; null: there is none. */
export function readScoreboard(data: unknown): Scoreboard | null {
  const outer = fieldsOf(data);
  const board = fieldsOf(scoreboardIn(data));
  const ranking: unknown = board['ranking'];
  if (!Array.isArray(ranking)) {
    return null;
  }
  const problems = problemNames(board['problems'], ranking);
  return {
    title: textOf(board['title'], outer['title']),
    startS: timeOf(board['start_time'] ?? outer['start_time']),
    finishS: timeOf(board['finish_time'] ?? outer['finish_time']),
    freezeS: timeOf(board['freeze_time'] ?? outer['freeze_time']),
    problems,
    rows: ranking.map((entry, index) => toRow(entry, index, problems)),
  };
}
