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
  readonly updatedMs: number;
  readonly skipped: number;
}

export interface Boards {
  readonly shown: ShallowRef<readonly ShownBoard[]>;
  onEvent(event: ScoreboardUpdateEvent): void;
  /** Events are missing: what can be fetched is fetched anew. */
  refetch(): void;
  clear(): void;
}

/** After a refusal the judge is not asked again for this long. */
const REFUSED_MS = 60_000;

export function createBoards(fetchJson = fetchFromJudge, now = Date.now): Boards {
  const shown = shallowRef<readonly ShownBoard[]>([]);
  const addresses = new Map<string, string>();
  const fetching = new Map<string, { again: boolean }>();
  const refusedMs = new Map<string, number>();

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
    const contest = textField(event.data, 'contest_alias') || event.channel;
    const isAdmin = textField(event.data, 'scoreboard_type') === 'admin';
    const key = isAdmin ? `${contest} admin` : contest;
    const last = find(key)?.board ?? null;
    const board = toBoard(event.data, last);
    const address = localAddress(event.data?.scoreboard_url);
    if (address !== null) {
      addresses.set(key, address);
    }
    show({ key, contest, isAdmin, board: board ?? last, updatedMs: now(), skipped: event.skipped ?? 0 });
    if (board) {
      fetching.delete(key);
    } else {
      void load(key);
    }
  }

  return {
    shown,
    onEvent,
    refetch: () => [...addresses.keys()].forEach((key) => void load(key)),
    clear: () => {
      shown.value = [];
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
