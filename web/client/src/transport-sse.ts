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
import { CUT_MS, type CloseInfo, type Link, type LinkOwner, type TokenReason } from './link.js';
import type { Resources } from './options.js';
import { Question } from './question.js';
import { SseParser } from './sse-parser.js';
import { Timer } from './timer.js';

/** A gateway's wish to stay away longer than this is not taken at its word. */
const MAX_RETRY_MS = 3_600_000;
/** So much of a refusal's sentence is told. */
const SENTENCE_CHARS = 500;

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
  private readonly question: Question;
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
    this.question = new Question(timing.connectTimeoutMs);
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

  get isRefused(): boolean {
    const all = [...this.asked.values()];
    return all.length > 0 && all.every(({ status }) => status === 'refused');
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
    this.forgetRefused(channel);
  }

  /** Only another stream can; `fits()` tells the owner. */
  askAgain(channel: string): void {
    this.forgetRefused(channel);
  }

  private forgetRefused(channel: string): void {
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
    this.openTimer.stop();
    // A microtask later, so that channels subscribed right after connect() are in the address.
    const token = Promise.resolve().then(() => (signal.aborted ? null : this.owner.token(reason)));
    this.question.ask(
      token,
      (value) => {
        this.token = value || null;
        void this.dial(signal);
      },
      (cause) => this.end({ code: 1006, reason: 'no token', tokenFault: { cause } }),
    );
  }

  private async dial(signal: AbortSignal): Promise<void> {
    this.openTimer.start(this.resources.timing.connectTimeoutMs, () =>
      this.end({ code: 1006, reason: 'could not be opened in time' }),
    );
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
        await this.onRefusedStream(response, signal);
        return;
      }
      this.onOpen();
      await this.read(response.body, signal);
    } catch (cause) {
      this.onStreamEnd(signal, String(cause), this.isOpen && this.liveness.silentMs < CUT_MS);
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
    // With the second type, a gateway and nginx give the plain status that an EventSource dies of.
    const headers: Record<string, string> = { Accept: 'text/event-stream, text/plain' };
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

  private async onRefusedStream(response: Response, signal: AbortSignal): Promise<void> {
    const { status } = response;
    if (status === 401 && this.token && !this.renewed) {
      this.renewed = true;
      this.dialWithToken('unauthorized');
      return;
    }
    const reason = await sentenceOf(response);
    if (!signal.aborted) {
      this.end({ code: 1006, status, reason, retryMs: retryAfterMs(response) });
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
      onRetry: (delayMs) => void (this.retryMs = Math.min(delayMs, MAX_RETRY_MS)),
    });
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) {
        void reader.cancel().catch(() => {}); // a fetch that does not heed the signal
        return;
      }
      if (done) {
        this.onStreamEnd(signal, 'the stream ended');
        return;
      }
      this.proven = true;
      this.liveness.heard();
      parser.push(decoder.decode(value, { stream: true }));
    }
  }

  private onStreamEnd(signal: AbortSignal, reason: string, cut = false): void {
    if (!signal.aborted) {
      this.end({ code: 1006, reason, cut });
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
      this.renewed = false;
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
    } else if (channel || !this.isRefused) {
      this.refuse(channel, error); // else the gateway sums up what was told of each channel
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
      const retryMs = info.retryMs ?? this.retryMs;
      this.owner.onClose(this, { ...info, retryMs, proven: this.proven });
    }
  }

  private release(): void {
    this.done = true;
    this.isOpen = false;
    this.abort.abort();
    this.question.stop();
    this.openTimer.stop();
    this.redialTimer.stop();
    this.liveness.stop();
  }
}

/** What the answer says, for people; an answer of something else than a gateway is called so. */
async function sentenceOf(response: Response): Promise<string> {
  const type = response.headers.get('content-type')?.split(';')[0] || 'no content type';
  if (response.ok) {
    return `answered with ${type}, which is no stream: does the address reach a gateway?`;
  }
  const text = type === 'text/plain' ? await response.text().catch(() => '') : '';
  const sentence = text.trim().slice(0, SENTENCE_CHARS);
  return sentence === '' ? `status ${response.status}` : `status ${response.status}: ${sentence}`;
}

function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return seconds > 0 ? Math.min(seconds * 1_000, MAX_RETRY_MS) : undefined;
}
