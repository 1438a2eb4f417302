// SPDX-License-Identifier: MIT
/** A computer with a browser: its network, its sleep, and the tabs on it. */
import { EventConnection, type ConnectionOptions } from '../../src/index.js';
import type { Clock } from './clock.js';
import { PRIVATE, PUBLIC, type Connection, type Gateways, type Peer } from './gateway.js';

const TOKEN_LIFE_MS = 6 * 3_600_000;
const DIAL_MS = 50;

type Json = Record<string, unknown>;

/** Counts what is added and not removed. */
class Target extends EventTarget {
  listeners = 0;
  visibilityState = 'visible';

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners += 1;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listeners -= 1;
    super.removeEventListener(...args);
  }
}

export class Machine {
  readonly tabs = new Set<Tab>();
  readonly closedTabs: Tab[] = [];
  hasNetwork = true;
  blocksWebSocket = false;
  tokenService: 'works' | 'throws' | 'hangs' = 'works';

  constructor(readonly clock: Clock, readonly gateways: Gateways, readonly random: () => number) {}

  openTab(): Tab {
    const tab = new Tab(this);
    this.tabs.add(tab);
    return tab;
  }

  closeTab(tab: Tab): void {
    this.tabs.delete(tab);
    this.closedTabs.push(tab);
    tab.close();
  }

  /** All that is open goes nowhere from here on, without a word. */
  cutAll(): void {
    for (const connection of this.gateways.connections) {
      connection.isCut = true;
    }
    this.gateways.connections.clear();
  }

  tell(name: 'online' | 'offline'): void {
    this.tabs.forEach((tab) => tab.page.dispatchEvent(new Event(name)));
  }

  show(): void {
    this.tabs.forEach((tab) => tab.doc.dispatchEvent(new Event('visibilitychange')));
  }

  /** Undefined: neither an answer nor a failure comes, until the client gives up. */
  reach(what: 'websocket' | 'sse'): boolean | undefined {
    if (!this.hasNetwork) {
      return this.random() < 0.5 ? false : undefined;
    }
    return this.gateways.isUp && !(what === 'websocket' && this.blocksWebSocket);
  }
}

export class Tab {
  readonly page = new Target();
  readonly doc = new Target();
  readonly dialsMs: number[] = [];
  readonly faults: string[] = [];
  /** The last offset of each channel; null: any may come next. */
  private readonly last = new Map<string, { epoch: number; offset: number } | null>();
  private readonly connection: EventConnection;

  constructor(private readonly machine: Machine) {
    const { clock } = machine;
    // As each page has its own.
    Object.assign(globalThis, { window: this.page, document: this.doc });
    this.connection = new EventConnection(this.options());
    this.connection.on('event', ({ channel, data }) => this.onEvent(channel, data as never));
    this.connection.on('reset', (channel) => void this.last.set(channel, null));
    this.connection.on('error', (error) => {
      if (error.code === 'closed') {
        clock.start(5_000, () => this.machine.tabs.has(this) && this.connect(), true);
      } else if (error.code === 'revoked') {
        this.last.set(PRIVATE, null);
        clock.start(6_000, () => this.machine.tabs.has(this) && this.connection.subscribe(PRIVATE), true);
      }
    });
    this.connection.subscribe(PUBLIC);
    this.connection.subscribe(PRIVATE);
    this.connect();
  }

  get state(): string {
    return JSON.stringify(this.connection.status);
  }

  isAt(channel: string): string {
    const last = this.last.get(channel);
    return last ? `${last.epoch}:${last.offset}` : 'unknown';
  }

  close(): void {
    this.connection.close();
    const left = this.page.listeners + this.doc.listeners;
    if (left !== 0) {
      this.faults.push(`${left} listeners are left`);
    }
  }

  private connect(): void {
    Object.assign(globalThis, { window: this.page, document: this.doc });
    this.connection.connect();
  }

  private onEvent(channel: string, now: { epoch: number; offset: number }): void {
    const last = this.last.get(channel);
    const follows = !last || (now.epoch === last.epoch && now.offset === last.offset + 1);
    if (!follows) {
      this.faults.push(`${channel}: ${now.epoch}:${now.offset} after ${this.isAt(channel)} at ${this.machine.clock.nowMs}`);
    }
    this.last.set(channel, now);
  }

  private options(): ConnectionOptions {
    const { machine, dialsMs } = this;
    const { clock } = machine;
    class Socket extends SimulatedSocket {
      constructor() {
        dialsMs.push(clock.nowMs);
        super(machine);
      }
    }
    return {
      url: 'wss://judge.test/events/',
      random: machine.random,
      timing: { silenceMs: 3_600_000 },
      token: () => this.askToken(),
      WebSocket: Socket,
      fetch: ((url: string, init: RequestInit) => {
        dialsMs.push(clock.nowMs);
        return openStream(machine, new URL(url), init);
      }) as typeof fetch,
    };
  }

  private async askToken(): Promise<string> {
    const { tokenService, clock } = this.machine;
    if (tokenService === 'throws') {
      throw new Error('the site is down');
    }
    await new Promise<void>((resolve) => {
      if (tokenService === 'works') {
        clock.start(100, resolve);
      }
    });
    return `token-${clock.nowMs + TOKEN_LIFE_MS}`;
  }
}

class SimulatedSocket implements Peer {
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;
  private connection: Connection | null = null;
  private isClosed = false;

  constructor(private readonly machine: Machine) {
    machine.clock.start(DIAL_MS, () => this.arrive(machine.reach('websocket')));
  }

  send(text: string): void {
    const { connection, machine } = this;
    machine.clock.start(DIAL_MS, () => {
      if (connection && !connection.isCut && !connection.isEnded) {
        machine.gateways.obey(connection, JSON.parse(text) as Json);
      }
    });
  }

  close(): void {
    this.isClosed = true;
    if (this.connection) {
      this.machine.gateways.forget(this.connection);
    }
  }

  onMessage(data: string): void {
    this.onmessage?.({ data } as never);
  }

  onEnd(code: number): void {
    if (!this.isClosed) {
      this.isClosed = true;
      this.onclose?.({ code, reason: '' } as never);
    }
  }

  private arrive(isReached: boolean | undefined): void {
    if (this.isClosed || isReached === undefined) {
      return;
    }
    if (!isReached) {
      this.onEnd(1006);
      return;
    }
    this.connection = this.machine.gateways.open(this, (message) => JSON.stringify(message));
    this.onopen?.({} as never);
  }
}

function openStream(machine: Machine, url: URL, init: RequestInit): Promise<Response> {
  const headers = init.headers as Record<string, string>;
  return new Promise((resolve, reject) => {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    let connection: Connection | null = null;
    const encoder = new TextEncoder();
    const peer: Peer = {
      onMessage: (text) => controller.enqueue(encoder.encode(text)),
      onEnd: () => controller.close(),
    };
    init.signal!.addEventListener('abort', () => {
      reject(new Error('aborted'));
      if (connection) {
        machine.gateways.forget(connection);
        connection.isCut = true;
        connection = null;
        controller.error(new Error('aborted'));
      }
    });
    const answer = () => {
      const isReached = machine.reach('sse');
      if (init.signal!.aborted || isReached === undefined) {
        return;
      }
      if (!isReached) {
        reject(new TypeError('network'));
        return;
      }
      const body = new ReadableStream<Uint8Array>({ start: (made) => void (controller = made) });
      connection = machine.gateways.open(peer, (message) => `data: ${JSON.stringify(message)}\n\n`);
      machine.gateways.authenticate(connection, headers['Authorization']?.slice('token '.length));
      const positions = headers['Last-Event-ID']?.split(',') ?? [];
      url.searchParams.getAll('channel').forEach((channel, n) =>
        machine.gateways.subscribe(connection!, channel, positions[n] || undefined));
      resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
    };
    machine.clock.start(DIAL_MS, answer);
  });
}
