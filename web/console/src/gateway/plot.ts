// SPDX-License-Identifier: MIT
/** Points as a line in a box of `width` by `height`; the newest at the right edge. */
import type { Point } from './readings.js';

export interface Box {
  readonly width: number;
  readonly height: number;
  /** Seconds from the left edge to the right one. */
  readonly spanS: number;
}

/** The next of 1, 2, 5, 10, 20 … : so the scale does not move with every reading. */
export function niceCeiling(value: number): number {
  if (value <= 0) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((one) => one * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

export function highest(points: readonly Point[]): number {
  return points.reduce((most, point) => Math.max(most, point.value), 0);
}

export function place(point: Point, newestS: number, top: number, box: Box): { x: number; y: number } {
  const x = box.width * (1 - (newestS - point.timeS) / box.spanS);
  const y = box.height * (1 - point.value / top);
  return { x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10 };
}

/** For `d` of a path: the line, and the area below it. */
export function paths(points: readonly Point[], top: number, box: Box): { line: string; area: string } {
  const newestS = points.at(-1)?.timeS ?? 0;
  const places = points.map((point) => place(point, newestS, top, box));
  const first = places[0];
  if (!first) {
    return { line: '', area: '' };
  }
  // A lone point is drawn as a dot: a line to itself.
  const ends = places.length === 1 ? [first, first] : places;
  const line = ends.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  return { line, area: `${line}L${box.width} ${box.height}L${first.x} ${box.height}Z` };
}
