// SPDX-License-Identifier: MIT
/** All that the Live view shows; lives as long as the page, whichever view is open. */
import { computed, ref, shallowReactive, shallowRef, type InjectionKey } from 'vue';
import {
  EventService, type BroadcastEvent, type ClientError, type ConnectionStatus,
} from 'broadcaster-client';
import { besidePage } from '../common/address.js';
import { oncePerFrame, type RequestFrame } from '../common/frame.js';
import { createBoards } from './boards.js';
import { describeError } from './errors.js';
import { textField, type Item } from './feed.js';
import { createFeeds } from './feeds.js';
import { afterDrawing, createLateness } from './latency.js';
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
/** Nothing came for so long: what is shown is all there is. */
const CAUGHT_UP_MS = 3_000;
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

export interface LiveOptions {
  readonly service?: EventService;
  readonly requestFrame?: RequestFrame;
}

export function createLive({ service = new EventService({ url: besidePage('events/') }), requestFrame }: LiveOptions = {}) {
  const status = shallowRef<ConnectionStatus>(service.status);
  const token = ref(keptToken());
  const channels = shallowReactive(new Map<string, WatchedChannel>());
  const problems = shallowRef<Problem[]>([]);
  const reconnects = ref(0);
  const behindMs = ref(0);
  const feeds = createFeeds();
  const boards = createBoards();
  const notifier = createNotifier();
  const lateness = createLateness();
  const arrived = new Map<string, { events: number; position: string }>(); // by channel, not drawn yet
  const timestamps: number[] = []; // of the events that are not drawn yet: the first and the last
  const drawing = new Set<string>(); // keys of items that the frame under way shows
  const drawn = new Map<string, number>(); // and of those that it has shown: in how many ms
  const askForFrame = oncePerFrame(draw, requestFrame);
  let caughtUp: ReturnType<typeof setTimeout> | undefined;
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

  /** All that came since the last frame, at once. */
  function draw(): void {
    for (const [name, { events, position }] of arrived) {
      change(name, (now) => ({ events: now.events + events, position: position || now.position }));
    }
    arrived.clear();
    feeds.draw(drawn);
    drawn.clear();
    boards.draw();
    tellLateness();
    if (drawing.size > 0) {
      const keys = [...drawing];
      drawing.clear();
      afterDrawing((ms) => onDrawn(keys, ms));
    }
  }

  /** How long it took is shown with the next frame. */
  function onDrawn(keys: readonly string[], ms: number): void {
    keys.forEach((key) => drawn.set(key, ms));
    askForFrame();
  }

  function tellLateness(): void {
    if (timestamps.length === 0) {
      return;
    }
    timestamps.forEach((timestamp) => lateness.note(timestamp, Date.now()));
    timestamps.length = 0;
    behindMs.value = lateness.ms;
    clearTimeout(caughtUp);
    caughtUp = setTimeout(() => (behindMs.value = 0), CAUGHT_UP_MS);
  }

  function onNews(event: BroadcastEvent, item: Item): void {
    drawing.add(item.key);
    timestamps[Math.min(timestamps.length, 1)] = event.timestamp;
    if (event.type === 'scoreboard_update') {
      boards.onEvent(event);
    } else if (event.type === 'clarification') {
      notifier.tell(item.key, textField(event.data, 'problem_alias'),
        textField(event.data, 'answer') || textField(event.data, 'message'));
    }
  }

  function onEvent(event: BroadcastEvent): void {
    const before = arrived.get(event.channel);
    arrived.set(event.channel, {
      events: (before?.events ?? 0) + 1, position: event.position ?? before?.position ?? '',
    });
    const item = feeds.take(event, Date.now());
    if (item) {
      onNews(event, item);
    }
    askForFrame();
  }

  function onError(error: ClientError): void {
    if ('channel' in error && error.channel !== undefined) {
      change(error.channel, () => ({ state: 'refused' }));
    }
    tell(describeError(error));
  }

  /** Shown until it is dismissed. */
  function tell(text: string): void {
    serial += 1;
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
    arrived.clear();
    drawing.clear();
    drawn.clear();
    timestamps.length = 0;
    feeds.clear();
    boards.clear();
    problems.value = [];
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
    status, token, watched, problems, reconnects, behindMs, notifier,
    runs: feeds.runs, clarifications: feeds.clarifications, others: feeds.others, lastItem: feeds.lastItem,
    boards: boards.shown,
    connect, logIn, logOut, watch, unwatch, tell, dismiss,
    close: () => {
      clearTimeout(caughtUp);
      service.close();
    },
  };
}

export type Live = ReturnType<typeof createLive>;
export const LIVE: InjectionKey<Live> = Symbol('Live');
