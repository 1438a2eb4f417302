// SPDX-License-Identifier: MIT
/** Errors as values: nothing here is ever thrown at the application. */

import type { ErrorMessage } from './events.js';

const SERVER_ERROR_CODES = [
  'unauthorized', 'forbidden', 'not_found', 'bad_request', 'too_many_subscriptions',
  'rate_limited', 'unavailable',
] as const;

/** The gateway's codes; `unknown` stands for one of a newer gateway. */
export type ServerErrorCode = (typeof SERVER_ERROR_CODES)[number] | 'unknown';

/** The gateway refused a command, and the client cannot mend it alone. */
export interface ServerError {
  readonly code: ServerErrorCode;
  /** Absent when the token itself was refused. */
  readonly channel?: string;
  readonly message: string;
}

/** Access to a channel ended; the connection stays. */
export interface RevokedError {
  readonly code: 'revoked';
  readonly channel: string;
  readonly message: string;
}

/** The gateway ended the connection for good; only `connect()` opens it again. */
export interface ClosedError {
  readonly code: 'closed';
  readonly closeCode: number;
  readonly message: string;
}

/**
 * Twice in a row nothing of the gateway could be reached: a wrong address, an origin that is not in
 * `AllowedOrigins`, a proxy that does not pass it on. Told once; the client goes on trying.
 */
export interface UnreachableError {
  readonly code: 'unreachable';
  readonly message: string;
}

/** A stream was answered with something else: the status and what the answer said. */
export interface StreamRefusedError {
  readonly code: 'stream_refused';
  readonly status: number;
  readonly message: string;
}

/** A function of the application's failed: token, polling, scoreboard. It will be called again. */
export interface CallbackError {
  readonly code: 'token_failed' | 'poll_failed' | 'scoreboard_failed';
  readonly message: string;
  readonly cause: unknown;
}

/** Told apart by `code`. */
export type ClientError =
  | ServerError | RevokedError | ClosedError | UnreachableError | StreamRefusedError
  | CallbackError;

/** The code of an error message, `unknown` when this client has never heard of it. */
export function serverErrorCode(text: string): ServerErrorCode {
  return SERVER_ERROR_CODES.find((code) => code === text) ?? 'unknown';
}

/** An error message as a value, for the channel that the command named. */
export function toServerError(message: ErrorMessage, channel = message.channel): ServerError {
  return {
    code: serverErrorCode(message.error),
    message: message.message ?? message.error,
    ...(channel === undefined ? {} : { channel }),
  };
}

/** Will asking for the same channel again always be refused? */
export function isHopeless(code: string): boolean {
  return code === 'not_found' || code === 'bad_request';
}

/** Is it worth asking again soon, without doing anything else? */
export function isTransient(code: string): boolean {
  return code === 'unavailable' || code === 'rate_limited';
}

export function callbackError(code: CallbackError['code'], cause: unknown): CallbackError {
  return { code, cause, message: cause instanceof Error ? cause.message : String(cause) };
}

/** Must the client not come back by itself after this close code? 4001 is `deauthenticated`. */
export function isFinalClose(code: number): boolean {
  return code >= 4000 && code <= 4099 && code !== 4008;
}
