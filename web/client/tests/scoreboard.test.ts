// SPDX-License-Identifier: MIT
/** Every shape in which a scoreboard comes reads alike, and nothing absent is made up. */
import { describe, expect, test } from 'vitest';
import { readScoreboard } from '../src/scoreboard.js';

const documented = {
  title: 'Annual', start_time: 100, finish_time: 200, freeze_time: 150,
  problems: ['a', 'b'],
  ranking: [{
    username: 'ana', name: 'Ana L.', school: 'UNAM', country: 'MX', place: 1, points: 100, penalty: 31,
    problems: [{ alias: 'b', points: 0, tries: 2, pending: 1 }, { alias: 'a', points: 100, tries: 1, time: 31, first: true }],
  }],
};

describe('a scoreboard', () => {
  test('in the documented shape', () => {
    expect(readScoreboard(documented)).toEqual({
      title: 'Annual', startS: 100, finishS: 200, freezeS: 150, problems: ['a', 'b'],
      rows: [{
        username: 'ana', name: 'Ana L.', school: 'UNAM', country: 'mx', place: 1, points: 100, penalty: 31,
        cells: [
          { points: 100, tries: 1, pending: 0, time: 31, solved: true, first: true },
          { points: 0, tries: 2, pending: 1, time: null, solved: false, first: false },
        ],
      }],
    });
  });

  test('as the grader wraps it and as the judge’s API gives it', () => {
    const board = {
      title: 'Annual', start_time: { time: 100 }, finish_time: { time: 200 }, problems: [{ alias: 'a', order: 1 }],
      ranking: [{
        username: 'ana', name: 'Ana', country: 'xx', place: 1, total: { points: 90, penalty: 7 },
        problems: [{ alias: 'a', points: 90, percent: 90, penalty: 7, runs: 3 }],
      }],
    };
    const wrapped = readScoreboard({ scoreboard_type: 'admin', scoreboard: board });
    expect(wrapped).toEqual(readScoreboard(board));
    expect(wrapped).toMatchObject({
      startS: 100, finishS: 200, freezeS: null, problems: ['a'],
      rows: [{ country: '', points: 90, penalty: 7, cells: [{ tries: 3, solved: false, time: 7 }] }],
    });
  });

  test('with nothing but names has places, and no hole', () => {
    expect(readScoreboard({ ranking: [{ username: 'ana', points: 3 }, {}, null] })).toEqual({
      title: '', startS: null, finishS: null, freezeS: null, problems: [],
      rows: [
        { username: 'ana', name: 'ana', school: '', country: '', place: 1, points: 3, penalty: null, cells: [] },
        { username: '#2', name: '#2', school: '', country: '', place: 2, points: 0, penalty: null, cells: [] },
        { username: '#3', name: '#3', school: '', country: '', place: 3, points: 0, penalty: null, cells: [] },
      ],
    });
  });

  test('takes its columns from the cells where none are listed', () => {
    const board = readScoreboard({ ranking: [{ username: 'a', problems: [{ alias: 'x', points: 1 }] }, { username: 'b', problems: [{ alias: 'y', runs: 1 }] }] });
    expect(board!.problems).toEqual(['x', 'y']);
    expect(board!.rows.map((row) => row.cells.map((cell) => cell?.tries ?? null))).toEqual([[0, null], [null, 1]]);
  });

  test.each([null, undefined, 3, 'text', {}, { scoreboard: null }, { ranking: 'no' }])('is not in %j', (data) => {
    expect(readScoreboard(data)).toBeNull();
  });
});
