// SPDX-License-Identifier: MIT
/** Readings of /console/metrics, and what two of them say about the time between. */

/** A histogram of the gateway. */
export interface Times {
  readonly count: number;
  readonly sum: number;
}

/** What is used of the gateway's numbers; a gateway of another version may lack some. */
export interface Reading {
  /** Tells processes behind one address apart; empty when the gateway does not say it. */
  readonly instance: string;
  readonly timeS: number;
  readonly version: string;
  readonly connections: number;
  readonly subscriptions: number;
  readonly topics: number;
  readonly messagesSent: number;
  readonly queueBytes: number;
  readonly gapsRepaired: number;
  readonly resets: number;
  readonly resumed: number;
  readonly closedSlow: number;
  readonly isRedisUp: boolean;
  readonly loopLag: Times;
  readonly publishToWrite: Times;
}

export interface Point {
  readonly timeS: number;
  readonly value: number;
}

export type Series = Readonly<Record<'connections' | 'rate' | 'queue' | 'lag', readonly Point[]>>;

export const NO_SERIES: Series = { connections: [], rate: [], queue: [], lag: [] };

function numberIn(value: Record<string, unknown>, name: string): number {
  const found = value[name];
  return typeof found === 'number' && Number.isFinite(found) ? found : 0;
}

function timesIn(value: Record<string, unknown>, name: string): Times {
  const found = value[name];
  const fields = typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
  return { count: numberIn(fields, 'count'), sum: numberIn(fields, 'sum') };
}

/** Null: that is not what the gateway says. */
export function toReading(answer: unknown): Reading | null {
  if (typeof answer !== 'object' || answer === null) {
    return null;
  }
  const value = answer as Record<string, unknown>;
  if (typeof value['time'] !== 'number' || typeof value['connections_active'] !== 'number') {
    return null;
  }
  return {
    instance: typeof value['instance'] === 'string' ? value['instance'] : '',
    timeS: value['time'],
    version: typeof value['version'] === 'string' ? value['version'] : '',
    connections: value['connections_active'],
    subscriptions: numberIn(value, 'subscriptions'),
    topics: numberIn(value, 'topics'),
    messagesSent: numberIn(value, 'messages_sent'),
    queueBytes: numberIn(value, 'queue_bytes'),
    gapsRepaired: numberIn(value, 'gaps_repaired'),
    resets: numberIn(value, 'resets'),
    resumed: numberIn(value, 'resumed'),
    closedSlow: numberIn(value, 'closed_slow'),
    isRedisUp: numberIn(value, 'redis_up') > 0,
    loopLag: timesIn(value, 'loop_lag'),
    publishToWrite: timesIn(value, 'publish_to_write'),
  };
}

/** One gateway as it was seen up to now. */
export interface Seen {
  readonly reading: Reading;
  readonly series: Series;
}

/** Did the second come from another process? Counters of one never fall. */
export function isAnother(before: Reading, after: Reading): boolean {
  return after.messagesSent < before.messagesSent || after.loopLag.count < before.loopLag.count
    || after.timeS <= before.timeS;
}

/** Milliseconds, the mean over what came between the two. Null: nothing came. */
export function meanMs(before: Times, after: Times): number | null {
  const count = after.count - before.count;
  return count > 0 ? Math.max(0, (1000 * (after.sum - before.sum)) / count) : null;
}

/** The series with one more reading; older than `keepS` goes. */
export function withReading(series: Series, before: Reading | null, after: Reading, keepS: number): Series {
  const add = (points: readonly Point[], value: number | null) => [
    ...points.filter((point) => point.timeS > after.timeS - keepS),
    ...(value === null ? [] : [{ timeS: after.timeS, value }]),
  ];
  const last = before && !isAnother(before, after) ? before : null;
  const rate = last ? (after.messagesSent - last.messagesSent) / (after.timeS - last.timeS) : null;
  return {
    connections: add(series.connections, after.connections),
    rate: add(series.rate, rate),
    queue: add(series.queue, after.queueBytes),
    lag: add(series.lag, last ? meanMs(last.loopLag, after.loopLag) : null),
  };
}

/** All gateways with one more reading of one of them; those not heard of for `keepS` go. */
export function withSeen(all: readonly Seen[], reading: Reading, keepS: number): Seen[] {
  const known = all.find((one) => one.reading.instance === reading.instance);
  const next = {
    reading,
    series: withReading(known?.series ?? NO_SERIES, known?.reading ?? null, reading, keepS),
  };
  return [...all.filter((one) => one !== known && one.reading.timeS > reading.timeS - keepS), next]
    .sort((a, b) => (a.reading.instance < b.reading.instance ? -1 : 1));
}
