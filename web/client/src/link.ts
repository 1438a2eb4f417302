// SPDX-License-Identifier: MIT
/**
 * A link is one attempt at a connection and what comes of it: opened, used, closed, never
 * reused. EventConnection owns at most two: the current one, and its successor.
 */
import type { ServerError } from './errors.js';
import type { ChannelMessage, ReconnectMessage, SubscribedMessage } from './events.js';

export type LinkKind = 'websocket' | 'sse';

/** Why a token is asked for: a new connection, or because the last one was not accepted. */
export type TokenReason = 'connect' | 'unauthorized';

export type TokenValue = string | null | undefined;

/** A token, or a function that gives the one of now. Without token the browser's cookie counts. */
export type Token = TokenValue | ((reason: TokenReason) => TokenValue | Promise<TokenValue>);

export interface CloseInfo {
  /** The WebSocket close code; 1006 when the connection just ended. */
  readonly code: number;
  readonly reason: string;
  /** Had the gateway said anything on it? */
  readonly proven: boolean;
  /** Did it break off during a message or right after one? Then a message may be what breaks it. */
  readonly cut?: boolean;
  /** Set when the gateway, or what stands before it, answered with another status than 200. */
  readonly status?: number;
  /** The gateway's wish when to come back. */
  readonly retryMs?: number | undefined;
  /** Set when the application's token function failed, and no connection was tried. */
  readonly tokenFault?: { readonly cause: unknown };
}

/** A message that came less than this before the end may be what ended the connection. */
export const CUT_MS = 1_000;

/** What a link needs from its owner, and tells it. No callback comes after `close()`. */
export interface LinkOwner {
  channels(): Iterable<string>;
  position(channel: string): string | undefined;
  /** A string is given at once, so that the reference page's order of calls stays as it is. */
  token(reason: TokenReason): TokenValue | Promise<TokenValue>;
  onOpen(link: Link): void;
  onAuthenticated(link: Link, username: string): void;
  /** `asked` is the position that the subscribe carried. */
  onSubscribed(link: Link, answer: SubscribedMessage, asked: string | undefined): void;
  onMessage(link: Link, message: ChannelMessage): void;
  onReconnect(link: Link, message: ReconnectMessage): void;
  /** Refused for good on this link. */
  onRefused(link: Link, error: ServerError): void;
  /** Every channel wanted has its final answer. May come more than once. */
  onSettled(link: Link): void;
  /** The application's token function failed while the link is in use; it is asked again. */
  onTokenFault(cause: unknown): void;
  onClose(link: Link, info: CloseInfo): void;
}

export interface Link {
  readonly kind: LinkKind;
  readonly isOpen: boolean;
  /** Was every channel asked for here refused? */
  readonly isRefused: boolean;
  open(): void;
  /** Ends it at once and without callbacks. */
  close(): void;
  /** Has the gateway confirmed the channel here? From then on this link feeds it. */
  feeds(channel: string): boolean;
  /** Does it ask for the very channels wanted now? If not, only a new link can. */
  fits(): boolean;
  subscribe(channel: string): void;
  unsubscribe(channel: string): void;
  /** Asks again for a channel that was refused. */
  askAgain(channel: string): void;
  /** The token changed. */
  renewToken(): void;
  /** Finds out now whether it is alive. */
  check(): void;
}
