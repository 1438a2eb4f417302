// SPDX-License-Identifier: MIT
/** EventService: callbacks per channel on top of one EventConnection. */
import { EventConnection, type ConnectionEvents } from './connection.js';
import { callSafely } from './emitter.js';
import type { ClientError } from './errors.js';
import type { BroadcastEvent } from './events.js';
import type { Token } from './link.js';
import type { ConnectionOptions } from './options.js';
import type { ConnectionState, ConnectionStatus } from './status.js';
import { Throttle } from './throttle.js';

export type EventCallback = (event: BroadcastEvent) => void;

/** How one callback wants its channel. */
export interface SubscribeOptions {
  /**
   * Milliseconds between two deliveries. What comes in between is delivered together, of
   * scoreboards only the latest.
   */
  throttle?: number;
  /** Events of this channel may be missing: fetch its state anew. */
  onReset?: (channel: string) => void;
  /** The channel was refused, or access to it ended. */
  onError?: (error: ClientError) => void;
}

interface Subscriber {
  readonly options: SubscribeOptions;
  readonly throttle: Throttle;
}

/**
 * Live events of the judge.
 *
 * @example
 * const events = new EventService();
 * events.connect(authToken);
 * events.subscribe('/contest/annual-2024', (event) => {
 *   if (event.type === 'run_update') show(event.data.verdict);
 * });
 */
export class EventService {
  /** The connection underneath. */
  readonly connection: EventConnection;
  private readonly channels = new Map<string, Map<Function, Subscriber>>();

  constructor(options: ConnectionOptions = {}) {
    this.connection = new EventConnection(options);
    this.connection.on('event', (event) => this.onEvent(event));
    this.connection.on('reset', (channel) => this.onReset(channel));
    this.connection.on('error', (error) => this.onError(error));
    this.connection.on('unsubscribed', (channel) => this.forget(channel));
  }

  get status(): ConnectionStatus {
    return this.connection.status;
  }

  get state(): ConnectionState {
    return this.connection.state;
  }

  /** See {@link EventConnection.connect}. Without a token the browser's cookie counts. */
  connect(authToken?: Token): void {
    this.connection.connect(authToken);
  }

  /**
   * Calls back for every event of a channel; before `connect()` as well as after. The same
   * callback twice on a channel is called once.
   *
   * @returns the function that ends just this subscription.
   */
  subscribe(channel: string, callback: EventCallback, options?: SubscribeOptions): () => void;
  /** The reference page's own signature, without types. */
  subscribe(channel: string, callback: Function, options?: SubscribeOptions): () => void;
  subscribe(channel: string, callback: Function, options: SubscribeOptions = {}): () => void {
    const deliver = (event: BroadcastEvent) => callSafely(callback as EventCallback, event);
    const subscriber = { options, throttle: new Throttle(options.throttle ?? 0, deliver) };
    let subscribers = this.channels.get(channel);
    if (!subscribers) {
      subscribers = new Map();
      this.channels.set(channel, subscribers);
    }
    subscribers.get(callback)?.throttle.stop();
    subscribers.set(callback, subscriber);
    this.connection.subscribe(channel);
    const isStill = () => this.channels.get(channel)?.get(callback) === subscriber;
    const known = this.connection.errorOf(channel);
    if (known) {
      // The others were told when it was refused. Later, as from the network.
      queueMicrotask(() => isStill() && callSafely(options.onError, known));
    }
    return () => {
      if (isStill()) {
        this.unsubscribe(channel, callback);
      }
    };
  }

  /** Ends one callback's subscription, or all of the channel. */
  unsubscribe(channel: string, callback?: Function): void {
    const subscribers = this.channels.get(channel);
    if (callback && subscribers) {
      subscribers.get(callback)?.throttle.stop();
      subscribers.delete(callback);
    }
    if (!callback || subscribers?.size === 0) {
      this.forget(channel);
      this.connection.unsubscribe(channel);
    }
  }

  /** Listens to the connection; returns the function that ends it. */
  on<Name extends keyof ConnectionEvents>(
    name: Name,
    listener: (...args: ConnectionEvents[Name]) => void,
  ): () => void {
    return this.connection.on(name, listener);
  }

  /** Ends everything and leaves nothing behind: no socket, timer, listener, or callback. */
  close(): void {
    for (const channel of [...this.channels.keys()]) {
      this.forget(channel);
    }
    this.connection.close();
  }

  private subscribers(channel: string | undefined): Subscriber[] {
    return [...(this.channels.get(channel ?? '')?.values() ?? [])];
  }

  private onEvent(event: BroadcastEvent): void {
    for (const { throttle } of this.subscribers(event.channel)) {
      throttle.push(event);
    }
  }

  /** What waits is older than the gap, so it goes out first. */
  private onReset(channel: string): void {
    for (const { throttle, options } of this.subscribers(channel)) {
      throttle.flush();
      callSafely(options.onReset, channel);
    }
  }

  private onError(error: ClientError): void {
    const channel = 'channel' in error ? error.channel : undefined;
    for (const { options } of this.subscribers(channel)) {
      callSafely(options.onError, error);
    }
  }

  private forget(channel: string): void {
    for (const { throttle } of this.subscribers(channel)) {
      throttle.stop();
    }
    this.channels.delete(channel);
  }
}
