// SPDX-License-Identifier: MIT
/**
 * Which transport to try next. WebSocket first; when it could not be opened twice, Server-Sent
 * Events take turns with it; when both have failed, the application polls meanwhile.
 * "Opened" means that the gateway said something: a proxy may accept a socket and forward nothing.
 */
import type { LinkKind } from './link.js';

/** Failures to open after which WebSocket is not the only one tried. */
const WEBSOCKET_TRIES = 2;

export interface Available {
  readonly websocket: boolean;
  readonly sse: boolean;
}

export class TransportPlan {
  private websocketFailures = 0;
  private sseFailures = 0;

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

  reset(): void {
    this.websocketFailures = 0;
    this.sseFailures = 0;
  }
}
