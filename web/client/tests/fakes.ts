// SPDX-License-Identifier: MIT
/** A gateway made of fakes: sockets, streams, a page. Time is Vitest's. */
import { vi } from 'vitest';
import type { ConnectionOptions } from '../src/index.js';

export type Json = Record<string, unknown>;

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  onopen: (() => unknown) | null = null;
  onmessage: ((event: { data: unknown }) => unknown) | null = null;
  onclose: ((event: { code: number; reason: string }) => unknown) | null = null;
  onerror: ((event: unknown) => unknown) | null = null;
  readonly sent: Json[] = [];
  closedWith: number | null = null;

  constructor(readonly url: string) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Json);
  }

  close(code?: number): void {
    this.closedWith = code ?? 1005;
  }

  /** The gateway accepts. */
  accept(): this {
    this.onopen?.();
    return this;
  }

  /** The gateway says something. */
  say(message: Json | string): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  /** The connection ends. */
  drop(code = 1006, reason = ''): void {
    this.onclose?.({ code, reason });
  }

  ofType(type: string): Json[] {
    return this.sent.filter((command) => command['type'] === type);
  }

  /** The last command of a type, for a channel if named. */
  last(type: string, channel?: string): Json {
    const found = this.ofType(type).filter((one) => channel === undefined || one['channel'] === channel);
    const command = found.at(-1);
    if (!command) {
      throw new Error(`no ${type} ${channel ?? ''} among ${JSON.stringify(this.sent)}`);
    }
    return command;
  }

  confirmAuth(username = 'ana'): void {
    this.say({ type: 'auth_success', username, id: this.last('auth')['id'] });
  }

  refuseAuth(error = 'unauthorized'): void {
    this.say({ type: 'error', error, id: this.last('auth')['id'] });
  }

  /** Answers the last subscribe as the gateway does: recovered from what was asked. */
  confirm(channel: string, position = 'E:0', recovered?: boolean): void {
    const { id, position: asked } = this.last('subscribe', channel);
    const resumed = recovered ?? (asked === undefined ? undefined : true);
    this.say({
      type: 'subscribed', channel, id,
      position: resumed ? asked : position,
      ...(resumed === undefined ? {} : { recovered: resumed }),
    });
  }

  refuse(channel: string, error: string): void {
    this.say({ type: 'error', error, channel, id: this.last('subscribe', channel)['id'] });
  }
}

/** One request for a stream. */
export class FakeStream {
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private answer!: (response: Response) => void;
  private fail!: (cause: unknown) => void;
  readonly response = new Promise<Response>((resolve, reject) => {
    this.answer = resolve;
    this.fail = reject;
  });

  constructor(readonly url: URL, readonly headers: Record<string, string>, readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => {
      this.fail(new Error('aborted'));
      try {
        this.controller?.error(new Error('aborted'));
      } catch {
        // ended already
      }
    });
  }

  get aborted(): boolean {
    return this.signal.aborted;
  }

  get channels(): string[] {
    return this.url.searchParams.getAll('channel');
  }

  async accept(type = 'text/event-stream'): Promise<this> {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) });
    this.answer(new Response(body, { status: 200, headers: { 'content-type': type } }));
    await settle();
    return this;
  }

  async refuse(status: number, sentence = 'no', headers: Record<string, string> = {}): Promise<void> {
    this.answer(new Response(sentence, { status, headers: { 'content-type': 'text/plain', ...headers } }));
    await settle();
  }

  async breakOff(): Promise<void> {
    this.fail(new TypeError('network'));
    await settle();
  }

  /** The network breaks the stream. */
  async tear(): Promise<void> {
    this.controller?.error(new TypeError('network'));
    await settle();
  }

  async raw(text: string): Promise<void> {
    this.controller?.enqueue(new TextEncoder().encode(text));
    await settle();
  }

  async say(message: Json): Promise<void> {
    await this.raw(`event: ${String(message['type'])}\ndata: ${JSON.stringify(message)}\nid: x\n\n`);
  }

  async end(): Promise<void> {
    this.controller?.close();
    await settle();
  }
}

/** Lets promises that are due run; no time passes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await Promise.resolve();
  }
  await vi.advanceTimersByTimeAsync(0);
}

/** All sockets and streams that a client opens, and options to open them. */
export class FakeGateway {
  readonly sockets: FakeSocket[] = [];
  readonly streams: FakeStream[] = [];
  readonly options: ConnectionOptions;

  constructor(options: ConnectionOptions = {}) {
    const { sockets, streams } = this;
    class Socket extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    }
    const fetchStream = (url: string, init: RequestInit) => {
      const stream = new FakeStream(
        new URL(url), init.headers as Record<string, string>, init.signal as AbortSignal,
      );
      streams.push(stream);
      return stream.response;
    };
    this.options = {
      url: 'wss://judge.test/events/',
      WebSocket: Socket,
      fetch: fetchStream as typeof fetch,
      random: () => 0.5,
      ...options,
    };
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1) ?? fail('no socket was opened');
  }

  get stream(): FakeStream {
    return this.streams.at(-1) ?? fail('no stream was asked for');
  }
}

function fail(message: string): never {
  throw new Error(message);
}

/** A page and its listeners, in place of `window` and `document`. */
export class FakePage {
  readonly page = new EventTarget();
  readonly doc = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  listeners = 0;

  constructor() {
    for (const target of [this.page, this.doc]) {
      const { addEventListener: add, removeEventListener: remove } = target;
      target.addEventListener = (...args: Parameters<typeof add>) => {
        this.listeners += 1;
        add.apply(target, args);
      };
      target.removeEventListener = (...args: Parameters<typeof remove>) => {
        this.listeners -= 1;
        remove.apply(target, args);
      };
    }
    vi.stubGlobal('window', this.page);
    vi.stubGlobal('document', this.doc);
  }

  offline(): void {
    this.page.dispatchEvent(new Event('offline'));
  }

  online(): void {
    this.page.dispatchEvent(new Event('online'));
  }

  show(): void {
    this.doc.visibilityState = 'visible';
    this.doc.dispatchEvent(new Event('visibilitychange'));
  }

  hide(): void {
    this.doc.visibilityState = 'hidden';
    this.doc.dispatchEvent(new Event('visibilitychange'));
  }
}

/** An event of a channel; its id follows from its offset. */
export function event(channel: string, offset: number, fields: Json = {}): Json {
  return {
    type: 'run_update', channel, timestamp: 1704067200, id: `id-${offset}`, position: `E:${offset}`,
    data: { run_id: offset }, ...fields,
  };
}
