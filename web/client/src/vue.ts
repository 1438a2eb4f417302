// SPDX-License-Identifier: MIT
/** A contest's live state for Vue 3. */
import {
  getCurrentInstance, getCurrentScope, hasInjectionContext, inject, onMounted, onScopeDispose, ref,
  shallowRef, type InjectionKey, type Ref, type ShallowRef,
} from 'vue';
import { callbackError, type ClientError } from './errors.js';
import type {
  BroadcastEvent, ClarificationData, RunData, ScoreboardData, ScoreboardUpdateEvent,
} from './events.js';
import type { ConnectionOptions } from './options.js';
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
  readonly status: Ref<ConnectionState>;
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
  return response.json();
}

/** Keeps the newest scoreboard, however it comes; a fetch that is overtaken is forgotten. */
function useScoreboard<Scoreboard>(
  contestAlias: string,
  options: EventStreamOptions<Scoreboard>,
  onError: (cause: unknown) => void,
) {
  const scoreboard = shallowRef<Scoreboard | null>(null);
  let turn = 0;
  let showsAdmin = false;

  async function load(data: ScoreboardData = {}): Promise<void> {
    turn += 1;
    const mine = turn;
    try {
      const fetched = options.fetchScoreboard
        ? await options.fetchScoreboard(contestAlias)
        : ((await fetchFromJudge(contestAlias, data)) as Scoreboard);
      if (mine === turn) {
        scoreboard.value = fetched;
      }
    } catch (cause) {
      if (mine === turn) {
        onError(cause);
      }
    }
  }

  function onEvent({ data }: ScoreboardUpdateEvent): void {
    if (data?.scoreboard === undefined) {
      void load(data);
      return;
    }
    // An admin gets the contestants' scoreboard as well, which shows less.
    showsAdmin ||= data.scoreboard_type === 'admin';
    if (!showsAdmin || data.scoreboard_type === 'admin') {
      turn += 1;
      scoreboard.value = data.scoreboard as Scoreboard;
    }
  }

  return { scoreboard, load, onEvent, stop: () => void (turn += 1) };
}

/**
 * Follows a contest as long as the component is mounted.
 *
 * @example
 * const { scoreboard, clarifications, runs, status } = useEventStream('annual-2024');
 */
export function useEventStream<Scoreboard = unknown>(
  contestAlias: string,
  options: EventStreamOptions<Scoreboard> = {},
): EventStream<Scoreboard> {
  const clarifications: Ref<ClarificationData[]> = ref([]);
  const runs: Ref<RunData[]> = ref([]);
  const status = ref<ConnectionState>('idle');
  const connection = shallowRef<ConnectionStatus | null>(null);
  const error = shallowRef<ClientError | null>(null);
  const board = useScoreboard(contestAlias, options, (cause) => {
    error.value = callbackError('scoreboard_failed', cause);
  });
  const shared = options.service
    ?? (hasInjectionContext() ? inject(EVENT_SERVICE, undefined) : undefined);
  const limit = options.limit ?? DEFAULT_LIMIT;
  const channel = `/contest/${contestAlias}`;
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
    status.value = news.state;
  }

  function onError(news: ClientError): void {
    const of = 'channel' in news ? news.channel : undefined;
    if (of === undefined || of === channel) {
      error.value = news;
    }
  }

  function start(): void {
    const poll = options.poll ?? (() => board.load());
    const service = shared ?? new EventService({ ...options, poll });
    cleanups.push(
      service.on('status', onStatus),
      service.on('error', onError),
      service.subscribe(channel, onEvent, {
        throttle: options.throttle ?? DEFAULT_THROTTLE_MS,
        onReset: () => void board.load(),
      }),
    );
    onStatus(service.status);
    if (!shared) {
      cleanups.push(() => service.close());
      service.connect();
    }
    if (options.fetchScoreboard) {
      void board.load();
    }
  }

  function stop(): void {
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
