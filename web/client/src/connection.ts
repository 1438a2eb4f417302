// SPDX-License-Identifier: MIT
/** EventConnection: the connection to the gateway, as an application holds it. */
import { Channels } from './channels.js';
import { callSafely, Emitter } from './emitter.js';
import type { ClientError, RevokedError, ServerError } from './errors.js';
import type { BroadcastEvent } from './events.js';
import type { Token } from './link.js';
import {
  DEFAULT_TIMING, EVENTS_URL, gatewayUrls, pageAddress, type ConnectionOptions,
} from './options.js';
import { StatusBox, type ConnectionState, type ConnectionStatus } from './status.js';
import { Supervisor } from './supervisor.js';

/** What one can listen to. */
export interface ConnectionEvents {
  /** An event of a subscribed channel, once. */
  event: [event: BroadcastEvent];
  /** Events may be missing: fetch the channel's state anew. */
  reset: [channel: string];
  /** The gateway confirmed a channel; `recovered` says that nothing is missing since the last time. */
  subscribed: [channel: string, recovered: boolean];
  /** The connection dropped a channel that can never be had. */
  unsubscribed: [channel: string];
  /** What the client could not mend alone. */
  error: [error: ClientError];
  /** The state, or another part of the status, changed. */
  status: [status: ConnectionStatus];
}

/**
 * One client's connection: authenticates, subscribes, resumes, and comes back.
 * {@link EventService} adds callbacks per channel.
 *
 * @example
 * const connection = new EventConnection({ url: 'wss://example.org/events/' });
 * connection.on('event', (event) => console.log(event));
 * connection.subscribe('/contest/annual-2024');
 * connection.connect(token);
 */
export class EventConnection {
  private readonly emitter = new Emitter<ConnectionEvents>();
  private readonly statusBox = new StatusBox((status) => this.emitter.emit('status', status));
  private readonly channels: Channels;
  private readonly supervisor: Supervisor;

  constructor(options: ConnectionOptions = {}) {
    const fail = (error: ClientError) => {
      this.statusBox.update({ error });
      this.emitter.emit('error', error);
      callSafely(options.onError, error);
    };
    this.channels = new Channels({
      onEvent: (event) => this.emitter.emit('event', event),
      onSubscribed: (channel, recovered) => this.emitter.emit('subscribed', channel, recovered),
      onReset: (channel) => {
        this.emitter.emit('reset', channel);
        callSafely(options.onReset, channel);
      },
      onError: fail,
      onRefusals: (refused) => this.statusBox.update({ refused }),
      onHopeless: (channel) => {
        this.unsubscribe(channel);
        this.emitter.emit('unsubscribed', channel);
      },
    });
    const resources = {
      timing: { ...DEFAULT_TIMING, ...options.timing },
      random: options.random ?? Math.random,
      urls: () => gatewayUrls(options.url ?? EVENTS_URL, pageAddress()),
    };
    this.supervisor = new Supervisor(options, resources, this.channels, this.statusBox, fail);
  }

  /** The connection as it is now; `on('status')` tells of every change. */
  get status(): ConnectionStatus {
    return this.statusBox.value;
  }

  get state(): ConnectionState {
    return this.status.state;
  }

  /** The channels wanted, confirmed or not. */
  get subscriptions(): ReadonlySet<string> {
    return this.channels.names;
  }

  /** Tries since the connection last held. */
  get reconnectAttempts(): number {
    return this.supervisor.backoff.attempts;
  }

  /** The longest delay between two tries, in milliseconds. */
  get maxReconnectDelay(): number {
    return this.supervisor.backoff.maxMs;
  }

  set maxReconnectDelay(ms: number) {
    this.supervisor.backoff.maxMs = ms;
  }

  /** Listens; returns the function that ends it. */
  on<Name extends keyof ConnectionEvents>(
    name: Name,
    listener: (...args: ConnectionEvents[Name]) => void,
  ): () => void {
    return this.emitter.on(name, listener);
  }

  /**
   * Opens the connection and keeps it open until {@link close}. Called again with another token
   * it authenticates anew; while waiting it tries at once.
   *
   * @throws TypeError when no address is known: outside a page `url` must be given.
   */
  connect(token?: Token): void {
    this.supervisor.start(token);
  }

  /**
   * Wants a channel, now and on every later connection. Called again for one that was refused it
   * asks again, every 5 s at most.
   */
  subscribe(channel: string): void {
    if (this.channels.add(channel)) {
      this.supervisor.onChannelAdded(channel);
    } else if (this.channels.mayAskAgain(channel)) {
      this.supervisor.askAgain(channel);
    }
  }

  /** Why the gateway refuses the channel; null when it does not, or has not answered yet. */
  errorOf(channel: string): ServerError | RevokedError | null {
    return this.channels.errorOf(channel);
  }

  /** Wants a channel no more, and forgets its position. */
  unsubscribe(channel: string): void {
    if (this.channels.delete(channel)) {
      this.supervisor.onChannelDeleted(channel);
    }
  }

  /** Ends the connection and leaves nothing behind; `connect()` starts from nothing. */
  close(): void {
    this.channels.clear();
    this.supervisor.stop();
  }
}
