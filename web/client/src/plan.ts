// SPDX-License-Identifier: MIT
/**
 * Which transport to try next. WebSocket first; when it could not be opened twice, Server-Sent
 * Events take turns with it; when both have failed, the application polls meanwhile.
 * "Opened" means that the gateway said something: a proxy may accept a socket and forward nothing.
 * One that speaks and then breaks off at some message, again and again, has failed as well.
 */
import type { LinkKind } from './link.js';

/** Failures to open after which WebSocket is not the only one tried. */
const WEBSOCKET_TRIES = 2;
/** So many ends at a message within so long: something on the way does not let it through. */
const CUTS = 3;
const CUTS_WITHIN_MS = 60_000;

export interface Available {
  readonly websocket: boolean;
  readonly sse: boolean;
}

export class TransportPlan {
  private websocketFailures = 0;
  private sseFailures = 0;
  private cuts: number[] = [];
  /** It was given up for its cuts, and has not held since: the next one is enough. */
  private suspect: LinkKind | null = null;

  constructor(private readonly available: () => Available) {}

  /** Is there any transport at all here? */
  get possible(): boolean {
    const { websocket, sse } = this.available();
    return websocket || sse;
  }

  /** Null when nothing can be opened; a stream of events needs a channel to ask for. */
  next(hasChannels: boolean): LinkKind | null {
    const { websocket, sse: streams } = this.available();
    const sse = streams && hasChannels;
    if (websocket && sse) {
      return this.sseFailures <= this.websocketFailures - WEBSOCKET_TRIES ? 'sse' : 'websocket';
    }
    return websocket ? 'websocket' : sse ? 'sse' : null;
  }

  /** Has everything that could be tried failed? */
  get exhausted(): boolean {
    const { websocket, sse } = this.available();
    return (!websocket || this.websocketFailures >= WEBSOCKET_TRIES) && (!sse || this.sseFailures > 0);
  }

  failed(kind: LinkKind): void {
    if (kind === 'websocket') {
      this.websocketFailures += 1;
    } else {
      this.sseFailures += 1;
    }
  }

  /** The gateway was heard: after a loss the same transport comes first again. */
  worked(kind: LinkKind): void {
    this.sseFailures = 0;
    this.websocketFailures = kind === 'websocket' ? 0 : WEBSOCKET_TRIES;
  }

  /** It was open for long enough, and complete up to a position that came after that. */
  held(kind: LinkKind): void {
    this.worked(kind);
    this.cuts = [];
    this.suspect = this.suspect === kind ? null : this.suspect;
  }

  /** It broke off at a message before it held. */
  cut(kind: LinkKind, nowMs = performance.now()): void {
    this.cuts = [...this.cuts.filter((atMs) => nowMs - atMs < CUTS_WITHIN_MS), nowMs];
    if (this.suspect !== kind && this.cuts.length < CUTS) {
      this.worked(kind);
      return;
    }
    this.cuts = [];
    this.suspect = kind;
    if (kind === 'websocket') {
      this.websocketFailures = WEBSOCKET_TRIES;
      this.sseFailures = 0;
    } else {
      this.failed(kind);
    }
  }

  reset(): void {
    this.websocketFailures = 0;
    this.sseFailures = 0;
    this.cuts = [];
    this.suspect = null;
  }
}
