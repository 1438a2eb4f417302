// SPDX-License-Identifier: MIT
/** What a judge posts, with a time of now. */
import type { BackendEvent } from './stack.js';

const now = () => Math.floor(Date.now() / 1000);

export function verdict(contest: string, id: number, more: Record<string, unknown> = {}): BackendEvent {
  return {
    type: 'run_update', timestamp: now(),
    data: {
      guid: `run-${id}`, run_id: id, contest_alias: contest, problem_alias: 'sum-two', username: 'ana',
      status: 'ready', verdict: 'AC', score: 1, contest_score: 100, runtime: 0.045, memory: 2048,
      ...more,
    },
  };
}

export function clarification(contest: string, id: number, more: Record<string, unknown> = {}): BackendEvent {
  return {
    type: 'clarification', timestamp: now(),
    data: {
      clarification_id: id, contest_alias: contest, problem_alias: 'sum-two', author: 'beto',
      message: 'May the input be empty?', answer: null, public: true, ...more,
    },
  };
}

/** Names in order of their place. */
export function scoreboard(contest: string, ranking: readonly (readonly [string, number])[]): BackendEvent {
  return {
    type: 'scoreboard_update', timestamp: now(),
    data: {
      contest_alias: contest, scoreboard_type: 'contestant',
      scoreboard: {
        problems: [{ alias: 'sum-two' }, { alias: 'tree-queries' }],
        ranking: ranking.map(([username, points], index) => ({
          username, place: index + 1, total: { points, penalty: 12 },
          problems: [
            { alias: 'sum-two', points: Math.min(100, points), runs: 1 },
            { alias: 'tree-queries', points: Math.max(0, points - 100), runs: points > 100 ? 2 : 0 },
          ],
        })),
      },
    },
  };
}

/** A board of many teams and problems; with `turn` every team moves. */
export function largeScoreboard(contest: string, teams: number, problems: number, turn = 0): BackendEvent {
  const aliases = Array.from({ length: problems }, (_, n) => `problem-${n + 1}`);
  return {
    type: 'scoreboard_update', timestamp: now(),
    data: {
      contest_alias: contest, title: 'Regional Final', start_time: now() - 3600, finish_time: now() + 3600,
      freeze_time: now() - 60, problems: aliases.map((alias) => ({ alias })),
      ranking: Array.from({ length: teams }, (_, place) => {
        const team = (place + turn) % teams;
        return {
          username: `team-${team}`, name: `Team ${team}`, school: `School ${team % 7}`, country: team % 2 ? 'MX' : 'BR',
          place: place + 1, points: teams - place, penalty: place,
          problems: aliases.map((alias, n) => ({ alias, points: n % 3 ? 1 : 0, tries: 1 + (n % 2), time: 10 * n, pending: n % 5 ? 0 : 1 })),
        };
      }),
    },
  };
}
