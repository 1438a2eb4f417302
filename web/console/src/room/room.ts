// SPDX-License-Identifier: MIT
/**
 * The room: what one says, all others hear. The gateway does not send one's own messages back, so
 * they are noted when they are sent.
 *
 *   closed     -> connecting  connect()
 *   connecting -> open        the socket is open
 *   connecting -> waiting     it could not be opened; also open -> waiting: it was lost
 *   waiting    -> connecting  the delay is over, or the network is back
 *   any        -> closed      disconnect()
 */
import { computed, ref, shallowRef } from 'vue';

export type RoomState = 'connecting' | 'open' | 'waiting' | 'closed';

export interface RoomMessage {
  readonly key: number;
  readonly text: string;
  readonly ms: number;
  readonly isOwn: boolean;
}

/** Characters, not UTF-16 units: as the gateway counts. */
export const MESSAGE_CHARACTERS = 2000;
const MESSAGES_KEPT = 300;
const FIRST_DELAY_MS = 3_000;
const LAST_DELAY_MS = 30_000;

export function countCharacters(text: string): number {
  return [...text].length;
}

/** The gateway's times are UTC and do not say so. */
export function parseTimestamp(text: unknown): number {
  const ms = typeof text === 'string' ? Date.parse(`${text.slice(0, 23)}Z`) : NaN;
  return Number.isNaN(ms) ? Date.now() : ms;
}

export function createRoom(url: string, Socket: new (url: string) => WebSocket = WebSocket) {
  const state = ref<RoomState>('closed');
  const messages = shallowRef<readonly RoomMessage[]>([]);
  const sent = ref(0);
  const received = ref(0);
  const refusal = ref('');
  const failures = ref(0); // in a row, without having been open
  const onlineBeforeMs = ref(0);
  const openedMs = ref<number | null>(null);
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let serial = 0;

  function add(text: string, ms: number, isOwn: boolean): void {
    serial += 1;
    messages.value = [...messages.value, { key: serial, text, ms, isOwn }].slice(-MESSAGES_KEPT);
  }

  function onText(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    const { message, timestamp, error } = (value ?? {}) as Record<string, unknown>;
    if (typeof message === 'string') {
      received.value += 1;
      add(message, parseTimestamp(timestamp), false);
    } else if (typeof error === 'string') {
      refusal.value = error;
    }
  }

  function stopClock(): void {
    if (openedMs.value !== null) {
      onlineBeforeMs.value += Date.now() - openedMs.value;
      openedMs.value = null;
    }
  }

  function onLost(): void {
    stopClock();
    socket = null;
    state.value = 'waiting';
    const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures.value);
    failures.value += 1;
    // Not all at the same moment, when it was the gateway that went.
    timer = setTimeout(open, ceiling * (0.5 + Math.random() / 2));
  }

  function open(): void {
    clearTimeout(timer);
    state.value = 'connecting';
    const mine = new Socket(url);
    socket = mine;
    mine.onopen = () => {
      if (socket === mine) {
        state.value = 'open';
        failures.value = 0;
        openedMs.value = Date.now();
      }
    };
    mine.onmessage = (event: MessageEvent) => {
      if (socket === mine && typeof event.data === 'string') {
        onText(event.data);
      }
    };
    mine.onclose = () => {
      if (socket === mine) {
        onLost();
      }
    };
  }

  function onOnline(): void {
    if (state.value === 'waiting') {
      open();
    }
  }

  function connect(): void {
    if (state.value === 'closed') {
      failures.value = 0;
      addEventListener('online', onOnline);
      open();
    }
  }

  function disconnect(): void {
    removeEventListener('online', onOnline);
    clearTimeout(timer);
    stopClock();
    const old = socket;
    socket = null;
    state.value = 'closed';
    old?.close();
  }

  /** False: there is no connection; what was to be said should not be thrown away. */
  function send(text: string): boolean {
    if (state.value !== 'open' || !socket) {
      return false;
    }
    refusal.value = '';
    socket.send(JSON.stringify({ message: text }));
    sent.value += 1;
    add(text, Date.now(), true);
    return true;
  }

  /** Over all connections of this page. */
  function onlineMs(nowMs: number): number {
    return onlineBeforeMs.value + (openedMs.value === null ? 0 : Math.max(0, nowMs - openedMs.value));
  }

  return {
    state, messages, sent, received, refusal, failures,
    total: computed(() => sent.value + received.value),
    connect, disconnect, send, onlineMs,
  };
}
