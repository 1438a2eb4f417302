// SPDX-License-Identifier: MIT
/** The newest scoreboard of each contest and kind, however it is to be had. */
import { shallowRef, type ShallowRef } from 'vue';
import type { ScoreboardUpdateEvent } from 'broadcaster-client';
import { textField } from './feed.js';
import { localAddress, toBoard, type Board } from './scoreboard.js';

export interface ShownBoard {
  readonly key: string;
  readonly contest: string;
  readonly isAdmin: boolean;
  /** Null: it changed, but neither the event nor the judge behind this site shows it. */
  readonly board: Board | null;
  /** The event's own time, or when the judge was asked. */
  readonly updatedMs: number;
  readonly skipped: number;
  /** On which it came last. */
  readonly channel: string;
}

export interface Boards {
  readonly shown: ShallowRef<readonly ShownBoard[]>;
  /** Keeps the event until draw(); only the newest of each board is ever read. */
  onEvent(event: ScoreboardUpdateEvent): void;
  /** Shows what came since the last time. */
  draw(): void;
  /** Events are missing: what can be fetched is fetched anew. */
  refetch(): void;
  clear(): void;
}

/** After a refusal the judge is not asked again for this long. */
const REFUSED_MS = 60_000;

interface Waiting {
  readonly event: ScoreboardUpdateEvent;
  /** How many older ones it stands for. */
  readonly skipped: number;
}

const isAdmin = (event: ScoreboardUpdateEvent) => textField(event.data, 'scoreboard_type') === 'admin';
const contestOf = (event: ScoreboardUpdateEvent) => textField(event.data, 'contest_alias') || event.channel;
const keyOf = (event: ScoreboardUpdateEvent) => (isAdmin(event) ? `${contestOf(event)} admin` : contestOf(event));

export function createBoards(fetchJson = fetchFromJudge, now = Date.now): Boards {
  const shown = shallowRef<readonly ShownBoard[]>([]);
  const addresses = new Map<string, string>();
  const fetching = new Map<string, { again: boolean }>();
  const refusedMs = new Map<string, number>();
  const waiting = new Map<string, Waiting>();

  function show(next: ShownBoard): void {
    const others = shown.value.filter((one) => one.key !== next.key);
    shown.value = [...others, next].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  const find = (key: string) => shown.value.find((one) => one.key === key);

  /** One question at a time per board; changes meanwhile make one more. */
  async function load(key: string): Promise<void> {
    const running = fetching.get(key);
    const address = addresses.get(key);
    if (running) {
      running.again = true;
      return;
    }
    if (address === undefined || now() - (refusedMs.get(key) ?? -Infinity) < REFUSED_MS) {
      return;
    }
    const turn = { again: false };
    fetching.set(key, turn);
    const answer = await fetchJson(address).catch(() => null);
    if (fetching.get(key) !== turn) {
      return; // an event brought the board, or all was cleared
    }
    fetching.delete(key);
    const last = find(key);
    const board = toBoard(answer, last?.board ?? null);
    if (!board) {
      refusedMs.set(key, now());
    } else if (last) {
      show({ ...last, board, updatedMs: now() });
    }
    if (board && turn.again) {
      void load(key);
    }
  }

  function onEvent(event: ScoreboardUpdateEvent): void {
    const key = keyOf(event);
    const replaced = waiting.get(key);
    waiting.set(key, {
      event,
      skipped: (event.skipped ?? 0) + (replaced ? replaced.skipped + 1 : 0),
    });
  }

  function drawOne(key: string, { event, skipped }: Waiting): void {
    const last = find(key)?.board ?? null;
    const board = toBoard(event.data, last);
    const address = localAddress(event.data?.scoreboard_url);
    if (address !== null) {
      addresses.set(key, address);
    }
    show({
      key, skipped, contest: contestOf(event), isAdmin: isAdmin(event), board: board ?? last,
      updatedMs: event.timestamp * 1000, channel: event.channel,
    });
    if (board) {
      fetching.delete(key);
    } else {
      void load(key);
    }
  }

  function draw(): void {
    const due = [...waiting];
    waiting.clear();
    due.forEach(([key, one]) => drawOne(key, one));
  }

  return {
    shown,
    onEvent,
    draw,
    refetch: () => [...addresses.keys()].forEach((key) => void load(key)),
    clear: () => {
      shown.value = [];
      waiting.clear();
      addresses.clear();
      fetching.clear();
      refusedMs.clear();
    },
  };
}

async function fetchFromJudge(address: string): Promise<unknown> {
  const response = await fetch(address, { headers: { Accept: 'application/json' } });
  if (!response.ok) {
    throw new Error(`status ${response.status}`);
  }
  return response.json();
}
