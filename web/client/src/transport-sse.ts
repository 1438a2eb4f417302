// SPDX-License-Identifier: MIT
/**
 * A link over Server-Sent Events, read through fetch because EventSource cannot send a token.
 * The channels stand in the address, so a stream serves exactly those it was opened with.
 */
import { Backoff } from './backoff.js';
import { isTransient, toServerError, type ServerError } from './errors.js';
import {
  parseMessage, type ChannelMessage, type ErrorMessage, type ServerMessage, type SubscribedMessage,
} from './events.js';
import { Liveness } from './liveness.js';
import { withToken, type CloseInfo, type Link, type LinkOwner, type TokenReason } from './link.js';
import type { Resources } from './options.js';
import { SseParser } from './sse-parser.js';
import { Timer } from './timer.js';

/** What a channel of the stream is waiting for. */
type ChannelStatus = 'pending' | 'active' | 'retry' | 'refused';

export class SseLink implements Link {
  readonly kind = 'sse';
  isOpen = false;
  private readonly asked = new Map<string, { status: ChannelStatus; position: string | undefined }>();
  private abort = new AbortController();
  private done = false;
  private dialed = false;
  private proven = false;
  private token: string | null = null;
  private renewed = false;
  private retryMs: number | undefined;
  private readonly openTimer = new Timer();
  private readonly redialTimer = new Timer();
  private readonly liveness: Liveness;
  private readonly backoff: Backoff;

  constructor(
    private readonly owner: LinkOwner,
    private readonly resources: Resources,
    private readonly fetchStream: typeof fetch,
  ) {
    const { timing, random } = resources;
    this.backoff = new Backoff(timing.baseDelayMs, timing.maxDelayMs, random);
    this.liveness = new Liveness({
      silenceMs: timing.silenceMs,
      answerMs: timing.answerMs,
      onDead: () => this.end({ code: 1006, reason: 'the stream fell silent' }),
    });
  }

  open(): void {
    this.dialWithToken('connect');
  }

  close(): void {
    this.release();
  }

  feeds(channel: string): boolean {
    return this.asked.get(channel)?.status === 'active';
  }

  fits(): boolean {
    const wanted = [...this.owner.channels()];
    return !this.dialed
      || (wanted.length === this.asked.size && wanted.every((channel) => this.asked.has(channel)));
  }

  /** A stream cannot take another channel; `fits()` tells the owner. */
  subscribe(): void {}

  /** Nor give one up; but one that it does not carry is none to open another stream for. */
  unsubscribe(channel: string): void {
    if (this.asked.get(channel)?.status === 'refused') {
      this.asked.delete(channel);
    }
  }

  renewToken(): void {
    this.renewed = false;
    this.dialWithToken('connect');
  }

  /** A stream cannot be asked; its silence is watched. */
  check(): void {}

  /** Gets the token and opens a stream; one that is open ends, and its positions go on. */
  private dialWithToken(reason: TokenReason): void {
    this.abort.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.redialTimer.stop();
    this.liveness.stop();
    this.openTimer.start(this.resources.timing.connectTimeoutMs, () =>
      this.end({ code: 1006, reason: 'could not be opened in time' }),
    );
    // A microtask later, so that channels subscribed right after connect() are in the address.
    const token = Promise.resolve().then(() => (signal.aborted ? null : this.owner.token(reason)));
    withToken(
      token,
      (value) => {
        if (!signal.aborted) {
          this.token = value;
          void this.dial(signal);
        }
      },
      (cause) => {
        if (!signal.aborted) {
          this.end({ code: 1006, reason: 'no token', tokenFault: { cause } });
        }
      },
    );
  }

  private async dial(signal: AbortSignal): Promise<void> {
    this.askChannels();
    try {
      const { url, headers } = this.request();
      const response = await this.fetchStream(url, {
        headers, signal, cache: 'no-store', credentials: 'include',
      });
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
      if (signal.aborted) {
        return;
      }
      if (!response.ok || !isStream || !response.body) {
        this.onRefusedStream(response.status);
        return;
      }
      this.onOpen();
      await this.read(response.body, signal);
    } catch (cause) {
      this.onStreamEnd(signal, String(cause));
    }
  }

  private askChannels(): void {
    this.dialed = true;
    this.asked.clear();
    for (const channel of this.owner.channels()) {
      this.asked.set(channel, { status: 'pending', position: this.owner.position(channel) });
    }
  }

  private request(): { url: string; headers: Record<string, string> } {
    const url = new URL(this.resources.urls().http);
    const positions: string[] = [];
    for (const [channel, { position }] of this.asked) {
      url.searchParams.append('channel', channel);
      positions.push(position ?? '');
    }
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (this.token) {
      headers['Authorization'] = `token ${this.token}`;
    }
    // In a header: 128 positions beside 128 channels could outgrow a request line.
    if (positions.some((position) => position !== '')) {
      headers['Last-Event-ID'] = positions.join(',');
    }
    return { url: url.href, headers };
  }

  private onOpen(): void {
    this.openTimer.stop();
    this.liveness.start();
    if (!this.isOpen) {
      this.isOpen = true;
      this.owner.onOpen(this);
    }
  }

  private onRefusedStream(status: number): void {
    this.abort.abort();
    if (status === 401 && this.token && !this.renewed) {
      this.renewed = true;
      this.dialWithToken('unauthorized');
    } else {
      this.end({ code: 1006, reason: `status ${status}` });
    }
  }

  private async read(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    const parser = new SseParser({
      onData: (data) => {
        const message = signal.aborted ? null : parseMessage(data);
        if (message) {
          this.onStreamMessage(message);
        }
      },
      onRetry: (delayMs) => void (this.retryMs = delayMs),
    });
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) {
        this.onStreamEnd(signal, 'the stream ended');
        return;
      }
      this.proven = true;
      this.liveness.heard();
      parser.push(decoder.decode(value, { stream: true }));
    }
  }

  private onStreamEnd(signal: AbortSignal, reason: string): void {
    if (!signal.aborted) {
      this.end({ code: 1006, reason });
    }
  }

  private onStreamMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'subscribed':
        this.onSubscribed(message);
        break;
      case 'error':
        this.onError(message);
        break;
      case 'auth_success':
        this.owner.onAuthenticated(this, message.username);
        break;
      case 'reconnect':
        this.owner.onReconnect(this, message);
        break;
      case 'unsubscribed':
      case 'pong':
        break;
      default:
        this.onChannelMessage(message);
    }
  }

  private onSubscribed(message: SubscribedMessage): void {
    const channel = this.asked.get(message.channel);
    if (channel) {
      channel.status = 'active';
      this.owner.onSubscribed(this, message, channel.position);
      this.settle();
    }
  }

  private onChannelMessage(message: ChannelMessage): void {
    const channel = this.asked.get(message.channel);
    if (channel && message.type === 'revoked') {
      channel.status = 'refused';
    }
    this.owner.onMessage(this, message);
  }

  private onError(message: ErrorMessage): void {
    const error = toServerError(message);
    const channel = this.asked.get(message.channel ?? '');
    if (error.code === 'unauthorized' && this.token && !this.renewed) {
      this.renewed = true;
      this.redialTimer.start(0, () => this.dialWithToken('unauthorized'));
    } else if (channel && isTransient(error.code)) {
      channel.status = 'retry';
      this.redialTimer.start(this.backoff.next(), () => this.dialWithToken('connect'));
    } else {
      this.refuse(channel, error);
    }
  }

  private refuse(channel: { status: ChannelStatus } | undefined, error: ServerError): void {
    if (channel) {
      channel.status = 'refused';
    }
    this.owner.onRefused(this, error);
    this.settle();
  }

  private settle(): void {
    const open = [...this.asked.values()].some(
      ({ status }) => status === 'pending' || status === 'retry',
    );
    if (!this.done && !open && !this.redialTimer.running) {
      this.backoff.reset();
      this.owner.onSettled(this);
    }
  }

  private end(info: Omit<CloseInfo, 'proven'>): void {
    if (!this.done) {
      this.release();
      const retry = this.retryMs === undefined ? {} : { retryMs: this.retryMs };
      this.owner.onClose(this, { ...retry, ...info, proven: this.proven });
    }
  }

  private release(): void {
    this.done = true;
    this.isOpen = false;
    this.abort.abort();
    this.openTimer.stop();
    this.redialTimer.stop();
    this.liveness.stop();
  }
}
