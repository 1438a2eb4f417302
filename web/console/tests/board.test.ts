// SPDX-License-Identifier: MIT
/** The scoreboard on a projector: its clock, its pages, its flags, and how few rows ever move. */
import { describe, expect, test, vi } from 'vitest';
import { contestClock } from '../src/board/clock.js';
import { flagOf } from '../src/board/flags.js';
import { letterOf, pageCount, pageMs, pageOf, ROWS_PER_PAGE } from '../src/board/pages.js';
import { BRISK, MOST_MOVING, moveRows, rowsInView } from '../src/live/row-motion.js';
import { toBoard } from '../src/live/scoreboard.js';

describe('the clock', () => {
  const times = { startS: 100, finishS: 200, freezeS: 150 };
  test.each([
    [99_000, { phase: 'before', leftMs: 1_000, isFrozen: false }],
    [100_000, { phase: 'running', leftMs: 100_000, isFrozen: false }],
    [149_999, { phase: 'running', leftMs: 50_001, isFrozen: false }],
    [150_000, { phase: 'running', leftMs: 50_000, isFrozen: true }],
    [200_000, { phase: 'over', leftMs: 0, isFrozen: false }],
  ])('at %d', (nowMs, expected) => {
    expect(contestClock(times, nowMs)).toEqual(expected);
  });

  test('says nothing that it does not know', () => {
    expect(contestClock({ startS: null, finishS: null, freezeS: null }, 5)).toEqual({ phase: 'unknown', leftMs: 0, isFrozen: false });
    expect(contestClock({ startS: null, finishS: null, freezeS: 1 }, 1_000).isFrozen).toBe(true);
  });
});

test('pages hold every row once, and the first stays longest', () => {
  const rows = Array.from({ length: 2 * ROWS_PER_PAGE + 1 }, (_, n) => n);
  const pages = Array.from({ length: pageCount(rows.length) }, (_, page) => pageOf(rows, page));
  expect(pages.map((page) => page.length)).toEqual([ROWS_PER_PAGE, ROWS_PER_PAGE, 1]);
  expect(pages.flat()).toEqual(rows);
  expect([pageCount(0), pageCount(ROWS_PER_PAGE)]).toEqual([1, 1]);
  expect(pageMs(0)).toBeGreaterThan(pageMs(1));
});

test('columns have letters', () => {
  expect([0, 25, 26, 51, 52, 702].map(letterOf)).toEqual(['A', 'Z', 'AA', 'AZ', 'BA', 'AAA']);
});

test('a country has a flag, and nonsense has none', () => {
  expect(flagOf('mx')).toMatch(/mx.*\.svg/);
  expect([flagOf(''), flagOf('zz'), flagOf('..')]).toEqual([null, null, null]);
});

describe('rows that move', () => {
  test.each([
    [0, 1000, 100, 500, [0, 50]], [-300, 1000, 100, 500, [30, 80]], [600, 1000, 100, 500, [0, 0]],
    [-2000, 1000, 100, 500, [100, 100]], [0, 0, 100, 500, [0, 0]], [0, 0, 0, 500, [0, 0]],
  ])('top %d, height %d, %d rows, screen %d: in view %j', (top, height, count, view, expected) => {
    expect(rowsInView(top, height, count, view)).toEqual(expected);
  });

  /** A table of `count` rows of 20 pixels, all of which were turned upside down. */
  function turned(count: number) {
    const ranking = Array.from({ length: count }, (_, n) => ({ username: `u${n}`, points: n }));
    const board = toBoard({ ranking: [...ranking].reverse() }, toBoard({ ranking }))!;
    const body = document.createElement('tbody');
    const animate = vi.fn();
    board.rows.forEach(() => body.append(Object.assign(document.createElement('tr'), { animate })));
    body.getBoundingClientRect = () => ({ top: 0, height: 20 * count }) as DOMRect;
    return { body, rows: board.rows, animate };
  }

  test('are few, whatever moved', () => {
    const { body, rows, animate } = turned(500);
    expect(moveRows(body, rows, BRISK)).toBe(MOST_MOVING);
    expect(animate).toHaveBeenCalledTimes(MOST_MOVING);
  });

  test('come from where they stood, and from no farther than the edge', () => {
    const { body, rows, animate } = turned(3);
    expect(moveRows(body, rows, BRISK)).toBe(2); // the middle one stays
    expect(animate.mock.calls.map(([frames]) => (frames as { transform: string }[])[0]!.transform))
      .toEqual(['translateY(40px)', 'translateY(-40px)']);
    const long = turned(100);
    moveRows(long.body, long.rows, BRISK);
    expect((long.animate.mock.calls[0]![0] as { transform: string }[])[0]!.transform).toBe('translateY(240px)');
  });

  test('do not, where somebody wants no motion', () => {
    vi.stubGlobal('matchMedia', () => ({ matches: true }));
    const { body, rows, animate } = turned(5);
    expect(moveRows(body, rows, BRISK)).toBe(0);
    expect(animate).not.toHaveBeenCalled();
    vi.unstubAllGlobals();
  });
});
