// SPDX-License-Identifier: MIT
/**
 * What the gateway says: typed events, control messages, and the one place where
 * text becomes a typed value.
 */

/** What every event carries, whatever its type. */
export interface EventOf<Type extends string, Data> {
  readonly type: Type;
  /** The channel it came on; one event may reach a client on several. */
  readonly channel: string;
  /** Seconds since 1970, as the backend gave it. */
  readonly timestamp: number;
  /** The same on every channel the event reaches. */
  readonly id?: string;
  /** Opaque: where in its channel the event stands. */
  readonly position?: string;
  /** How many older scoreboards this one stands for. */
  readonly skipped?: number;
  readonly data: Data;
}

/** A submission's verdict changed. */
export interface RunData {
  guid?: string;
  run_id?: number;
  contest_alias?: string;
  problem_alias?: string;
  username?: string;
  status?: string;
  verdict?: string;
  score?: number;
  contest_score?: number;
  runtime?: number;
  memory?: number;
  [field: string]: unknown;
}

/** The scoreboard changed: the new one whole, or where to fetch it. */
export interface ScoreboardData {
  contest_alias?: string;
  scoreboard_url?: string;
  /** `contestant` or `admin`, when the judge's grader sent it. */
  scoreboard_type?: string;
  scoreboard?: unknown;
  [field: string]: unknown;
}

/** A clarification was asked or answered. */
export interface ClarificationData {
  clarification_id?: number;
  contest_alias?: string;
  problem_alias?: string;
  author?: string;
  message?: string;
  answer?: string | null;
  public?: boolean;
  [field: string]: unknown;
}

/** A contest's settings changed. */
export interface ContestData {
  contest_alias?: string;
  event?: string;
  finish_time?: number;
  [field: string]: unknown;
}

export type RunUpdateEvent = EventOf<'run_update', RunData>;
export type ScoreboardUpdateEvent = EventOf<'scoreboard_update', ScoreboardData>;
export type ClarificationEvent = EventOf<'clarification', ClarificationData>;
export type ContestUpdateEvent = EventOf<'contest_update', ContestData>;

/**
 * Any other JSON a backend sent: `message` for text of no known form, or a type of the backend's
 * own, which arrives as it is. TypeScript cannot narrow by "none of these", so the own types are
 * not listed: compare `event.type as string` with yours.
 */
export type OtherEvent = EventOf<'message', unknown>;

/** Any event; `switch (event.type)` narrows `event.data`. */
export type BroadcastEvent =
  | RunUpdateEvent
  | ScoreboardUpdateEvent
  | ClarificationEvent
  | ContestUpdateEvent
  | OtherEvent;

export interface AuthSuccessMessage {
  readonly type: 'auth_success';
  readonly username: string;
  readonly id?: string;
}

export interface SubscribedMessage {
  readonly type: 'subscribed';
  readonly channel: string;
  readonly position?: string;
  /** Only when a position was sent: do the missed events follow? */
  readonly recovered?: boolean;
  readonly id?: string;
}

export interface ResetMessage {
  readonly type: 'reset';
  readonly channel: string;
  readonly position?: string;
}

export interface PositionMessage {
  readonly type: 'position';
  readonly channel: string;
  readonly position?: string;
}

export interface RevokedMessage {
  readonly type: 'revoked';
  readonly channel: string;
}

export interface ReconnectMessage {
  readonly type: 'reconnect';
  /** Milliseconds to wait before connecting anew. */
  readonly after?: number;
  /** Milliseconds until this gateway closes the connection. */
  readonly deadline?: number;
}

export interface ErrorMessage {
  readonly type: 'error';
  readonly error: string;
  readonly channel?: string;
  readonly message?: string;
  readonly id?: string;
}

export interface AnswerMessage {
  readonly type: 'unsubscribed' | 'pong';
  readonly id?: string;
}

/** What concerns one subscribed channel. */
export type ChannelMessage = ResetMessage | PositionMessage | RevokedMessage | BroadcastEvent;

export type ServerMessage =
  | AuthSuccessMessage
  | SubscribedMessage
  | ReconnectMessage
  | ErrorMessage
  | AnswerMessage
  | ChannelMessage;

const CONTROL_TYPES: ReadonlySet<string> = new Set([
  'auth_success', 'subscribed', 'unsubscribed', 'pong', 'reset', 'position', 'revoked',
  'reconnect', 'error',
]);
const WITHOUT_CHANNEL: ReadonlySet<string> = new Set([
  'auth_success', 'unsubscribed', 'pong', 'reconnect', 'error',
]);

/** Text to a message; null for whatever this client cannot use. */
export function parseMessage(text: string): ServerMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  const { type, channel } = value as { type?: unknown; channel?: unknown };
  if (typeof type !== 'string') {
    return null;
  }
  if (typeof channel !== 'string' && !WITHOUT_CHANNEL.has(type)) {
    return null;
  }
  return value as ServerMessage;
}

/** Is it something that happened, rather than a message about the connection? */
export function isEvent(message: ServerMessage): message is BroadcastEvent {
  return !CONTROL_TYPES.has(message.type);
}
