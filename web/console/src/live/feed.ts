// SPDX-License-Identifier: MIT
/** What happened, newest first: one item per thing, on however many channels it came. */
import type { BroadcastEvent, ClarificationData, RunData } from 'broadcaster-client';
import { sincePosted, type SincePosted } from './latency.js';

export interface Item<Data = unknown> {
  /** Unique within its list; the same for a verdict that is judged anew. */
  readonly key: string;
  readonly type: string;
  readonly data: Data;
  readonly channels: readonly string[];
  /** The event's own time. */
  readonly atMs: number;
  readonly receivedMs: number;
  readonly posted: SincePosted | null;
  /** From its arrival to the screen; null until it is drawn. */
  readonly drawnMs: number | null;
}

export type RunItem = Item<RunData>;
export type ClarificationItem = Item<ClarificationData>;

/** Kept of each list. */
export const LIMIT = 100;

/** What two events must share to be about the same thing; each event is a thing of its own else. */
export function itemKey(event: BroadcastEvent, serial: number): string {
  const data = (event.data ?? {}) as Record<string, unknown>;
  const name = event.type === 'run_update' ? data['guid'] ?? data['run_id']
    : event.type === 'clarification' ? data['clarification_id']
    : undefined;
  return name !== undefined && name !== null ? `${event.type}:${String(name)}` : event.id ?? `n${serial}`;
}

export function toItem(event: BroadcastEvent, serial: number, nowMs: number): Item {
  return {
    key: itemKey(event, serial),
    type: event.type,
    data: event.data ?? {},
    channels: [event.channel],
    atMs: event.timestamp * 1000,
    receivedMs: nowMs,
    posted: sincePosted(event.timestamp, nowMs),
    drawnMs: null,
  };
}

/** Puts them on top, the last one first, each in place of the older one about the same thing; keeps
 * the newest ones. */
export function withItems<One extends Item>(items: One[], news: readonly One[]): One[] {
  if (news.length === 0) {
    return items;
  }
  const newest = new Map([...items].reverse().map((item) => [item.key, item]));
  for (const item of news) {
    newest.delete(item.key);
    newest.set(item.key, item);
  }
  return [...newest.values()].reverse().slice(0, LIMIT);
}

/** The same events came on other channels as well. */
export function withChannels<One extends Item>(items: One[], more: ReadonlyMap<string, readonly string[]>): One[] {
  const newsOf = (item: One) => (more.get(item.key) ?? []).filter((name) => !item.channels.includes(name));
  return items.some((item) => newsOf(item).length > 0)
    ? items.map((item) => ({ ...item, channels: [...item.channels, ...newsOf(item)] }))
    : items;
}

/** With how long they took to be drawn; the same list when none of them is in it. */
export function withDrawn<One extends Item>(items: One[], drawn: ReadonlyMap<string, number>): One[] {
  const isNews = (item: One) => item.drawnMs === null && drawn.has(item.key);
  return items.some(isNews)
    ? items.map((item) => (isNews(item) ? { ...item, drawnMs: drawn.get(item.key)! } : item))
    : items;
}

/** Contests' aliases in data come from backends: anything may stand there. */
export function textField(data: unknown, name: string): string {
  const value = typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

const GOOD = new Set(['AC']);
const PARTIAL = new Set(['PA', 'PE']);
const OPEN = new Set(['', 'JE', 'new', 'waiting', 'compiling', 'running']);

export type VerdictTone = 'good' | 'partial' | 'bad' | 'open';

/** How a verdict is coloured; its letters are always shown too. */
export function verdictTone(verdict: string): VerdictTone {
  if (GOOD.has(verdict)) {
    return 'good';
  }
  return PARTIAL.has(verdict) ? 'partial' : OPEN.has(verdict) ? 'open' : 'bad';
}
