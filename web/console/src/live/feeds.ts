// SPDX-License-Identifier: MIT
/**
 * The lists of the Live view. take() only keeps what comes; draw() shows all of it at once, so that a
 * hundred events between two frames are one change of the page.
 */
import { shallowRef } from 'vue';
import type { BroadcastEvent } from 'broadcaster-client';
import {
  LIMIT, toItem, withChannels, withDrawn, withItems, type ClarificationItem, type Item, type RunItem,
} from './feed.js';

const EVENTS_REMEMBERED = 500;

/** Forgets the oldest entries. */
function trim(map: Map<string, string>, size: number): void {
  for (const key of map.keys()) {
    if (map.size <= size) {
      return;
    }
    map.delete(key);
  }
}

/** One list, and what is to be added to it. */
function createFeed<One extends Item>() {
  const items = shallowRef<One[]>([]);
  let news: One[] = [];
  return {
    items,
    add(item: One): void {
      news.push(item);
      if (news.length > 2 * LIMIT) {
        news = news.slice(-LIMIT); // a page that is not drawn keeps no more than one that is
      }
    },
    draw(more: ReadonlyMap<string, readonly string[]>, drawn: ReadonlyMap<string, number>): void {
      items.value = withDrawn(withChannels(withItems(items.value, news), more), drawn);
      news = [];
    },
    clear(): void {
      items.value = [];
      news = [];
    },
  };
}

export function createFeeds() {
  const runs = createFeed<RunItem>();
  const clarifications = createFeed<ClarificationItem>();
  const others = createFeed();
  const all = [runs, clarifications, others];
  const lastItem = shallowRef<Item | null>(null);
  const seen = new Map<string, string>(); // event id -> key of its item
  const channels = new Map<string, string[]>(); // key of an item -> channels on which it came again
  let newest: Item | null = null;
  let serial = 0;

  function keep(event: BroadcastEvent, item: Item): void {
    newest = item;
    switch (event.type) {
      case 'run_update':
        return runs.add(item as RunItem);
      case 'clarification':
        return clarifications.add(item as ClarificationItem);
      case 'scoreboard_update':
        return;
      default:
        others.add(item);
    }
  }

  /** Null: it was taken before, on another channel. */
  function take(event: BroadcastEvent, nowMs: number): Item | null {
    const known = event.id === undefined ? undefined : seen.get(event.id);
    if (known !== undefined) {
      channels.set(known, [...(channels.get(known) ?? []), event.channel]);
      return null;
    }
    serial += 1;
    const item = toItem(event, serial, nowMs);
    if (event.id !== undefined) {
      seen.set(event.id, item.key);
      trim(seen, EVENTS_REMEMBERED);
    }
    keep(event, item);
    return item;
  }

  /** `drawn`: how long items that were shown before took to be drawn, by their keys. */
  function draw(drawn: ReadonlyMap<string, number>): void {
    all.forEach((feed) => feed.draw(channels, drawn));
    channels.clear();
    lastItem.value = newest ?? lastItem.value;
    newest = null;
    const ms = lastItem.value && drawn.get(lastItem.value.key);
    if (lastItem.value && typeof ms === 'number') {
      lastItem.value = { ...lastItem.value, drawnMs: ms };
    }
  }

  function clear(): void {
    all.forEach((feed) => feed.clear());
    seen.clear();
    channels.clear();
    newest = null;
    lastItem.value = null;
  }

  return {
    runs: runs.items, clarifications: clarifications.items, others: others.items, lastItem, take, draw, clear,
  };
}
