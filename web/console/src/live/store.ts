// SPDX-License-Identifier: MIT
/** All that the Live view shows; lives as long as the page, whichever view is open. */
import { computed, ref, shallowReactive, shallowRef, type InjectionKey } from 'vue';
import {
  EventService, type BroadcastEvent, type ClientError, type ConnectionStatus,
} from 'broadcaster-client';
import { besidePage } from '../common/address.js';
import { createBoards } from './boards.js';
import { describeError } from './errors.js';
import {
  itemKey, textField, toItem, withChannel, withDrawn, withItem, type ClarificationItem, type Item,
  type RunItem,
} from './feed.js';
import { afterDrawing } from './latency.js';
import { createNotifier } from './notify.js';

export interface WatchedChannel {
  readonly name: string;
  readonly state: 'asking' | 'on' | 'refused';
  readonly position: string;
  readonly events: number;
  /** How often it went on where it was cut off, and how often it could not. */
  readonly recovered: number;
  readonly resets: number;
}

export interface Problem {
  readonly key: number;
  readonly text: string;
}

const PROBLEMS_SHOWN = 5;
const EVENTS_REMEMBERED = 500;
const TOKEN_KEY = 'broadcaster-token';

/** For this tab only; some browsers forbid even that. */
function keepToken(token: string): void {
  try {
    sessionStorage.setItem(TOKEN_KEY, token);
  } catch {
    // then it is asked for again after a reload
  }
}

function keptToken(): string {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? '';
  } catch {
    return '';
  }
}

/** Newest entries of a set, which remembers the order they came in. */
function trim(set: Map<string, string>, size: number): void {
  for (const key of set.keys()) {
    if (set.size <= size) {
      return;
    }
    set.delete(key);
  }
}

export function createLive(service = new EventService({ url: besidePage('events/') })) {
  const status = shallowRef<ConnectionStatus>(service.status);
  const token = ref(keptToken());
  const channels = shallowReactive(new Map<string, WatchedChannel>());
  const runs = shallowRef<RunItem[]>([]);
  const clarifications = shallowRef<ClarificationItem[]>([]);
  const others = shallowRef<Item[]>([]);
  const problems = shallowRef<Problem[]>([]);
  const reconnects = ref(0);
  const lastItem = shallowRef<Item | null>(null);
  const boards = createBoards();
  const notifier = createNotifier();
  const seen = new Map<string, string>(); // event id -> key of its item
  const drawing = new Set<string>();
  let serial = 0;
  let opened = false; // since connect(): is the next opening a reconnection?
  let isWanted = false; // connected by us, and not logged out; the gateway may have ended it

  // --- what comes ---

  function change(name: string, next: (now: WatchedChannel) => Partial<WatchedChannel>): void {
    const now = channels.get(name);
    if (now) {
      channels.set(name, { ...now, ...next(now) });
    }
  }

  function onDrawn(ms: number): void {
    const keys = new Set(drawing);
    drawing.clear();
    runs.value = withDrawn(runs.value, keys, ms);
    clarifications.value = withDrawn(clarifications.value, keys, ms);
    others.value = withDrawn(others.value, keys, ms);
    if (lastItem.value && keys.has(lastItem.value.key)) {
      lastItem.value = { ...lastItem.value, drawnMs: ms };
    }
  }

  function show(event: BroadcastEvent, item: Item): void {
    switch (event.type) {
      case 'run_update':
        runs.value = withItem(runs.value, item as RunItem);
        break;
      case 'clarification':
        clarifications.value = withItem(clarifications.value, item as ClarificationItem);
        notifier.tell(item.key, textField(event.data, 'problem_alias'),
          textField(event.data, 'answer') || textField(event.data, 'message'));
        break;
      case 'scoreboard_update':
        boards.onEvent(event);
        break;
      default:
        others.value = withItem(others.value, item);
    }
    lastItem.value = item;
    if (drawing.size === 0) {
      afterDrawing(onDrawn);
    }
    drawing.add(item.key);
  }

  function onEvent(event: BroadcastEvent): void {
    change(event.channel, (now) => ({
      events: now.events + 1, position: event.position ?? now.position,
    }));
    const known = event.id === undefined ? undefined : seen.get(event.id);
    if (known !== undefined) {
      runs.value = withChannel(runs.value, known, event.channel);
      clarifications.value = withChannel(clarifications.value, known, event.channel);
      others.value = withChannel(others.value, known, event.channel);
      return;
    }
    serial += 1;
    if (event.id !== undefined) {
      seen.set(event.id, itemKey(event, serial));
      trim(seen, EVENTS_REMEMBERED);
    }
    show(event, toItem(event, serial, Date.now()));
  }

  function onError(error: ClientError): void {
    if ('channel' in error && error.channel !== undefined) {
      change(error.channel, () => ({ state: 'refused' }));
    }
    serial += 1;
    const text = describeError(error);
    const others = problems.value.filter((one) => one.text !== text);
    problems.value = [...others, { key: serial, text }].slice(-PROBLEMS_SHOWN);
  }

  function onStatus(next: ConnectionStatus): void {
    const opens = next.state === 'open' && status.value.state !== 'open';
    status.value = next;
    if (opens) {
      reconnects.value += opened ? 1 : 0;
      opened = true;
    }
    if (next.state !== 'open') {
      for (const [name, one] of channels) {
        change(name, () => ({ state: one.state === 'on' ? 'asking' : one.state }));
      }
    }
  }

  service.on('status', onStatus);
  service.on('event', onEvent);
  service.on('error', onError);
  service.on('subscribed', (name, recovered) =>
    change(name, (now) => ({ state: 'on', recovered: now.recovered + (recovered ? 1 : 0) })));
  service.on('reset', (name) => {
    change(name, (now) => ({ resets: now.resets + 1 }));
    boards.refetch();
  });

  // --- what the user does ---

  function connect(): void {
    isWanted = true;
    if (service.state === 'idle' || service.state === 'closed') {
      opened = false;
    }
    service.connect(token.value === '' ? undefined : token.value);
  }

  function logIn(given: string): void {
    token.value = given.trim();
    keepToken(token.value);
    problems.value = [];
    connect(); // first, so that what was refused is asked for as the new user
    for (const [name, one] of channels) {
      if (one.state === 'refused') {
        watch(name, true);
      }
    }
  }

  function logOut(): void {
    service.close();
    isWanted = false;
    token.value = '';
    keepToken('');
    opened = false;
    reconnects.value = 0;
    channels.clear();
    seen.clear();
    drawing.clear();
    boards.clear();
    runs.value = [];
    clarifications.value = [];
    others.value = [];
    problems.value = [];
    lastItem.value = null;
  }

  /** `again`: one that was refused. */
  function watch(name: string, again = false): void {
    if (channels.has(name) && !again) {
      return;
    }
    if (again) {
      service.unsubscribe(name);
    }
    channels.set(name, { name, state: 'asking', position: '', events: 0, recovered: 0, resets: 0 });
    service.connection.subscribe(name);
    if (!isWanted) {
      connect();
    }
  }

  function unwatch(name: string): void {
    channels.delete(name);
    service.unsubscribe(name);
  }

  function dismiss(key: number): void {
    problems.value = problems.value.filter((one) => one.key !== key);
  }

  const watched = computed(() => [...channels.values()]);

  return {
    status, token, watched, runs, clarifications, others, problems, reconnects, lastItem, notifier,
    boards: boards.shown,
    connect, logIn, logOut, watch, unwatch, dismiss,
    close: () => service.close(),
  };
}

export type Live = ReturnType<typeof createLive>;
export const LIVE: InjectionKey<Live> = Symbol('Live');
