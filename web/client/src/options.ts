// SPDX-License-Identifier: MIT
/** Options, their defaults, and what is taken from the surroundings. */
import type { ClientError } from './errors.js';
import type { Token } from './link.js';
import type { PollFunction } from './polling.js';
import type { WebSocketConstructor } from './transport-websocket.js';

/** Milliseconds, Infinity for never; the defaults suit the gateway's own. */
export interface Timing {
  /** The first ceiling of the backoff (1 s). */
  baseDelayMs: number;
  /** Its last (30 s). */
  maxDelayMs: number;
  /** How long a connection must hold before the backoff starts anew (10 s). */
  stableMs: number;
  /** Each answer of the application (token, polling) and each opening must take no longer (10 s). */
  connectTimeoutMs: number;
  /** Silence after which the client sends a ping (40 s; the gateway pings every 30 s). */
  silenceMs: number;
  /** How long the answer to that, and to a first command, may take (10 s). */
  answerMs: number;
  /** Between two calls of the polling function (30 s). */
  pollMs: number;
  /** Between two tries of WebSocket while on Server-Sent Events (5 min). */
  probeMs: number;
  /** How long a successor may take to be complete, when the gateway names no deadline (30 s). */
  handoverMs: number;
}

export const DEFAULT_TIMING: Readonly<Timing> = {
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  stableMs: 10_000,
  connectTimeoutMs: 10_000,
  silenceMs: 40_000,
  answerMs: 10_000,
  pollMs: 30_000,
  probeMs: 300_000,
  handoverMs: 30_000,
};

/** The default address: the gateway behind the page's own host. */
export const EVENTS_URL = '/events/';

export interface ConnectionOptions {
  /** `wss://HOST/events/`; relative to the page, by default {@link EVENTS_URL}. */
  url?: string;
  /** A token or a function that gives one; `connect()` may name it as well. */
  token?: Token;
  /** Another WebSocket class (Node 18 and 20 have none); `null` for none. */
  WebSocket?: WebSocketConstructor | null;
  /** Another fetch for Server-Sent Events; `null` for none. */
  fetch?: typeof fetch | null;
  /** Fetches the state by other means while neither WebSocket nor Server-Sent Events open. */
  poll?: PollFunction;
  /** Events may be missing: fetch the channel's state anew. */
  onReset?: (channel: string) => void;
  /** What the client could not mend alone. */
  onError?: (error: ClientError) => void;
  timing?: Partial<Timing>;
  /** Random numbers from 0 to 1, for tests. */
  random?: () => number;
}

/** What links need of the options. */
export interface Resources {
  readonly timing: Readonly<Timing>;
  readonly random: () => number;
  urls(): { websocket: string; http: string };
}

/** The two addresses of a gateway. Throws a TypeError when a relative one has nothing to start from. */
export function gatewayUrls(url: string, page?: string): { websocket: string; http: string } {
  const address = new URL(url, page);
  const secure = address.protocol === 'https:' || address.protocol === 'wss:';
  const rest = address.href.slice(address.protocol.length);
  return { websocket: `${secure ? 'wss:' : 'ws:'}${rest}`, http: `${secure ? 'https:' : 'http:'}${rest}` };
}

/** The WebSocket class to use; looked up late, so that a page may load a substitute first. */
export function webSocketClass(options: ConnectionOptions): WebSocketConstructor | null {
  if (options.WebSocket !== undefined) {
    return options.WebSocket;
  }
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket ?? null;
}

/** The fetch to use, or null where its answer cannot be read as a stream. */
export function fetchFunction(options: ConnectionOptions): typeof fetch | null {
  if (options.fetch !== undefined) {
    return options.fetch;
  }
  const usable = typeof fetch === 'function' && typeof ReadableStream === 'function';
  return usable ? fetch.bind(globalThis) : null;
}

export function pageAddress(): string | undefined {
  return (globalThis as { location?: { href?: string } }).location?.href;
}
