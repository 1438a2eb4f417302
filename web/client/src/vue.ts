// SPDX-License-Identifier: MIT
/** A contest's live state for Vue 3. */
import {
  getCurrentInstance, getCurrentScope, hasInjectionContext, inject, onMounted, onScopeDispose, ref,
  shallowRef, toValue, watch, type InjectionKey, type MaybeRefOrGetter, type Ref, type ShallowRef,
} from 'vue';
import { callbackError, type ClientError } from './errors.js';
import type {
  BroadcastEvent, ClarificationData, RunData, ScoreboardData, ScoreboardUpdateEvent,
} from './events.js';
import { DEFAULT_TIMING, type ConnectionOptions } from './options.js';
import { Question } from './question.js';
import { scoreboardIn } from './scoreboard.js';
import { EventService } from './service.js';
import type { ConnectionState, ConnectionStatus } from './status.js';

/**
 * The service that all components of an application share:
 * `app.provide(EVENT_SERVICE, service)`. Whoever provides it connects and closes it.
 */
export const EVENT_SERVICE: InjectionKey<EventService> = Symbol('EventService');

export interface EventStreamOptions<Scoreboard = unknown> extends ConnectionOptions {
  /** A connected service to use instead of the provided one, or of one of the component's own. */
  service?: EventService;
  /**
   * Fetches the scoreboard: when mounted, when an event says that it changed without bringing it,
   * after a reset, and as polling function. By default the judge's API is asked, not when mounted.
   */
  fetchScoreboard?: (contestAlias: string) => Promise<Scoreboard>;
  /** Milliseconds between two updates of the screen (1 s). */
  throttle?: number;
  /** Runs and clarifications kept, the newest ones (500). */
  limit?: number;
}

export interface EventStream<Scoreboard = unknown> {
  /** The newest scoreboard; null before the first. */
  readonly scoreboard: ShallowRef<Scoreboard | null>;
  /** In order of arrival; an answered one stays where its question was. */
  readonly clarifications: Ref<ClarificationData[]>;
  /** In order of arrival; a rejudged one stays where it was. */
  readonly runs: Ref<RunData[]>;
  /** The connection's state; `refused`: it is open, but this contest is not to be had. */
  readonly status: Ref<ConnectionState | 'refused'>;
  /** The whole status: transport, attempts, user. */
  readonly connection: ShallowRef<ConnectionStatus | null>;
  /** The last thing that the client could not mend alone. */
  readonly error: ShallowRef<ClientError | null>;
}

const DEFAULT_THROTTLE_MS = 1_000;
const DEFAULT_LIMIT = 500;

/** Replaces the item of the same key or appends; keeps the newest `limit`. */
function upsert<Item>(items: Item[], item: Item, limit: number, keyOf: (item: Item) => unknown): Item[] {
  const key = keyOf(item);
  const index = key === undefined ? -1 : items.findIndex((other) => keyOf(other) === key);
  if (index >= 0) {
    return [...items.slice(0, index), item, ...items.slice(index + 1)];
  }
  return [...items, item].slice(-limit);
}

/** Asks the judge's API, or the address in the event when it is one of this very site. */
async function fetchFromJudge(contestAlias: string, data: ScoreboardData): Promise<unknown> {
  const given = data.scoreboard_url;
  const isLocal = typeof given === 'string' && /^\/(?![/\\])/.test(given);
  const address = isLocal
    ? given
    : `/api/contest/scoreboard/?contest_alias=${encodeURIComponent(contestAlias)}`;
  const response = await fetch(address);
  if (!response.ok) {
    throw new Error(`the scoreboard was answered with status ${response.status}`);
  }
  try {
    return JSON.parse(await response.text());
  } catch {
    const type = response.headers.get('content-type') ?? 'no content type';
    throw new Error(`${address} was answered with something that is no JSON (${type})`);
  }
}

/** Keeps the newest scoreboard, however it comes; a fetch that is overtaken is forgotten. */
function useScoreboard<Scoreboard>(
  aliasNow: () => string,
  options: EventStreamOptions<Scoreboard>,
  onError: (cause: unknown) => void,
) {
  const scoreboard = shallowRef<Scoreboard | null>(null);
  const limitMs = options.timing?.connectTimeoutMs ?? DEFAULT_TIMING.connectTimeoutMs;
  const question = new Question(limitMs);
  let showsAdmin = false;

  async function fetchNow(data: ScoreboardData): Promise<Scoreboard> {
    return options.fetchScoreboard
      ? options.fetchScoreboard(aliasNow())
      : ((await fetchFromJudge(aliasNow(), data)) as Scoreboard);
  }

  function load(data: ScoreboardData = {}): void {
    question.ask(fetchNow(data), (fetched) => void (scoreboard.value = fetched), onError);
  }

  function onEvent({ data }: ScoreboardUpdateEvent): void {
    const board = scoreboardIn(data);
    if (board === undefined) {
      load(data);
      return;
    }
    // An admin gets the contestants' scoreboard as well, which shows less.
    showsAdmin ||= data.scoreboard_type === 'admin';
    if (!showsAdmin || data.scoreboard_type === 'admin') {
      question.stop();
      scoreboard.value = board as Scoreboard;
    }
  }

  function clear(): void {
    question.stop();
    scoreboard.value = null;
    showsAdmin = false;
  }

  return { scoreboard, load, onEvent, clear, stop: () => question.stop() };
}

/**
 * Follows a contest as long as the component is mounted. The alias may be a ref or a getter: when it
 * changes, everything starts afresh with the other contest.
 *
 * @example
 * const { scoreboard, clarifications, runs, status } = useEventStream('annual-2024');
 */
export function useEventStream<Scoreboard = unknown>(
  contestAlias: MaybeRefOrGetter<string>,
  options: EventStreamOptions<Scoreboard> = {},
): EventStream<Scoreboard> {
  const clarifications: Ref<ClarificationData[]> = ref([]);
  const runs: Ref<RunData[]> = ref([]);
  const status = ref<ConnectionState | 'refused'>('idle');
  const connection = shallowRef<ConnectionStatus | null>(null);
  const error = shallowRef<ClientError | null>(null);
  const board = useScoreboard(() => toValue(contestAlias), options, (cause) => {
    error.value = callbackError('scoreboard_failed', cause);
  });
  const shared = options.service
    ?? (hasInjectionContext() ? inject(EVENT_SERVICE, undefined) : undefined);
  const limit = options.limit ?? DEFAULT_LIMIT;
  const channelNow = () => `/contest/${toValue(contestAlias)}`;
  let stopped = false;
  const cleanups: (() => void)[] = [];

  function onEvent(event: BroadcastEvent): void {
    switch (event.type) {
      case 'scoreboard_update':
        board.onEvent(event);
        break;
      case 'clarification':
        clarifications.value =
          upsert(clarifications.value, event.data, limit, (one) => one?.clarification_id);
        break;
      case 'run_update':
        runs.value = upsert(runs.value, event.data, limit, (one) => one?.guid ?? one?.run_id);
        break;
    }
  }

  function onStatus(news: ConnectionStatus): void {
    connection.value = news;
    const isRefused = news.refused.includes(channelNow());
    status.value = isRefused && news.state !== 'closed' ? 'refused' : news.state;
  }

  function onError(news: ClientError): void {
    const of = 'channel' in news ? news.channel : undefined;
    if (of === undefined || of === channelNow()) {
      error.value = news;
    }
  }

  /** Returns what ends it. */
  function follow(service: EventService): () => void {
    const off = service.subscribe(channelNow(), onEvent, {
      throttle: options.throttle ?? DEFAULT_THROTTLE_MS,
      onReset: () => board.load(),
      onError,
    });
    if (options.fetchScoreboard) {
      board.load();
    }
    return off;
  }

  function followAnother(service: EventService, off: () => void): () => void {
    off();
    board.clear();
    runs.value = [];
    clarifications.value = [];
    error.value = null;
    const offAnother = follow(service);
    onStatus(service.status);
    return offAnother;
  }

  function start(): void {
    if (stopped) {
      return; // never mounted after all
    }
    const poll = options.poll ?? (() => board.load());
    const service = shared ?? new EventService({ ...options, poll });
    cleanups.push(service.on('status', onStatus), service.on('error', onError));
    let off = follow(service);
    const unwatch = watch(channelNow, () => void (off = followAnother(service, off)), { flush: 'sync' });
    cleanups.push(() => off(), unwatch);
    onStatus(service.status);
    if (!shared) {
      cleanups.push(() => service.close());
      service.connect();
    }
  }

  function stop(): void {
    stopped = true;
    board.stop();
    // Backwards, so that the own service's last status, `closed`, is still seen.
    for (const cleanup of cleanups.splice(0).reverse()) {
      cleanup();
    }
  }

  if (getCurrentInstance()) {
    onMounted(start);
  } else {
    start();
  }
  if (getCurrentScope()) {
    onScopeDispose(stop);
  }
  return { scoreboard: board.scoreboard, clarifications, runs, status, connection, error };
}
