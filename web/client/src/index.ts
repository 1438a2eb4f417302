// SPDX-License-Identifier: MIT
/** Live events of the Broadcaster: the public API. */
export { EventConnection, type ConnectionEvents } from './connection.js';
export { EventService, type EventCallback, type SubscribeOptions } from './service.js';
export type { ConnectionState, ConnectionStatus } from './status.js';
export type {
  CallbackError, ClientError, ClosedError, RevokedError, ServerError, ServerErrorCode,
  StreamRefusedError, UnreachableError,
} from './errors.js';
export type {
  BroadcastEvent, ClarificationData, ClarificationEvent, ContestData, ContestUpdateEvent, EventOf,
  OtherEvent, RunData, RunUpdateEvent, ScoreboardData, ScoreboardUpdateEvent,
} from './events.js';
export type { LinkKind, Token, TokenReason, TokenValue } from './link.js';
export { DEFAULT_TIMING, EVENTS_URL, type ConnectionOptions, type Timing } from './options.js';
export type { PollFunction } from './polling.js';
export { readScoreboard, type Scoreboard, type ScoreboardCell, type ScoreboardRow } from './scoreboard.js';
export type { WebSocketConstructor, WebSocketLike } from './transport-websocket.js';
