// SPDX-License-Identifier: MIT
/** Gateways as far as a client can tell: logs with positions, and connections that a network carries. */
import type { Clock } from './clock.js';

type Json = Record<string, unknown>;

export const PUBLIC = '/contest/a';
export const PRIVATE = '/user/ana';
const LATENCY_MS = 20;
/** What a log keeps. */
const HISTORY = 40;

/** One connection's other end. */
export interface Peer {
  onMessage(text: string): void;
  onEnd(code: number): void;
}

class Log {
  epoch = 1;
  last = 0;

  get position(): string {
    return `${this.epoch}:${this.last}`;
  }

  /** The offset to go on from; null: what was missed is not there any more. */
  resume(position: string): number | null {
    const [epoch, offset] = position.split(':').map(Number) as [number, number];
    const isThere = epoch === this.epoch && offset >= this.last - HISTORY && offset <= this.last;
    return isThere ? offset : null;
  }

  event(channel: string, offset: number): Json {
    return {
      type: 'run_update', channel, timestamp: 0, id: `${channel} ${this.epoch}:${offset}`,
      position: `${this.epoch}:${offset}`, data: { epoch: this.epoch, offset },
    };
  }
}

export class Connection {
  readonly subscribed = new Set<string>();
  expiresMs: number | null = null;
  /** Nothing goes through any more, and neither side has noticed. */
  isCut = false;
  isEnded = false;

  constructor(readonly clock: Clock, private readonly peer: Peer, readonly write: (message: Json) => string) {}

  say(message: Json): void {
    this.later(() => this.peer.onMessage(this.write(message)));
  }

  end(code: number): void {
    if (!this.isEnded) {
      this.later(() => this.peer.onEnd(code));
      this.isEnded = true;
    }
  }

  private later(task: () => void): void {
    if (!this.isEnded) {
      this.clock.start(LATENCY_MS, () => !this.isCut && task());
    }
  }
}

export class Gateways {
  readonly connections = new Set<Connection>();
  readonly logs = new Map([PUBLIC, PRIVATE].map((name) => [name, new Log()]));
  isUp = true;

  constructor(private readonly clock: Clock) {}

  publish(channel: string): void {
    const log = this.logs.get(channel)!;
    log.last += 1;
    for (const connection of this.connections) {
      if (connection.subscribed.has(channel)) {
        connection.say(log.event(channel, log.last));
      }
    }
  }

  /** The logs are lost: clients are told. */
  loseHistory(): void {
    for (const [channel, log] of this.logs) {
      log.epoch += 1;
      log.last = 0;
      for (const connection of this.connections) {
        if (connection.subscribed.has(channel)) {
          connection.say({ type: 'reset', channel, position: log.position });
        }
      }
    }
  }

  open(peer: Peer, write: (message: Json) => string): Connection {
    const connection = new Connection(this.clock, peer, write);
    this.connections.add(connection);
    return connection;
  }

  /** Ends every connection in this way. */
  endAll(code: number): void {
    for (const connection of this.connections) {
      connection.end(code);
    }
    this.connections.clear();
  }

  forget(connection: Connection): void {
    connection.isEnded = true;
    this.connections.delete(connection);
  }

  /** True: accepted. A token is `token-EXPIRY`. */
  authenticate(connection: Connection, token: string | undefined): boolean {
    const expiresMs = Number(token?.split('-')[1]);
    const isValid = expiresMs > this.clock.nowMs;
    connection.expiresMs = isValid ? expiresMs : connection.expiresMs;
    return isValid;
  }

  obey(connection: Connection, command: Json): void {
    const { type, id } = command;
    if (type === 'auth') {
      const ok = this.authenticate(connection, command['token'] as string);
      connection.say(ok ? { type: 'auth_success', username: 'ana', id } : { type: 'error', error: 'unauthorized', message: '', id });
    } else if (type === 'subscribe') {
      this.subscribe(connection, command['channel'] as string, command['position'] as string | undefined, id);
    } else if (type === 'unsubscribe') {
      connection.subscribed.delete(command['channel'] as string);
      connection.say({ type: 'unsubscribed', id });
    } else {
      connection.say({ type: 'pong', id });
    }
  }

  subscribe(connection: Connection, channel: string, asked: string | undefined, id?: unknown): void {
    const log = this.logs.get(channel)!;
    if (channel === PRIVATE && !((connection.expiresMs ?? 0) > this.clock.nowMs)) {
      connection.say({ type: 'error', error: 'unauthorized', message: '', channel, id });
      return;
    }
    connection.subscribed.add(channel);
    const from = asked === undefined ? null : log.resume(asked);
    const answer = { type: 'subscribed', channel, position: from === null ? log.position : asked, id };
    connection.say(asked === undefined ? answer : { ...answer, recovered: from !== null });
    for (let offset = (from ?? log.last) + 1; offset <= log.last; offset += 1) {
      connection.say(log.event(channel, offset));
    }
  }

  /** Credentials that have ended: half of the gateways close the connection, the others revoke. */
  recheck(closes: boolean): number {
    let ended = 0;
    for (const connection of [...this.connections]) {
      if (connection.expiresMs !== null && connection.expiresMs <= this.clock.nowMs) {
        ended += 1;
        connection.expiresMs = null;
        if (closes) {
          connection.end(4001);
          this.connections.delete(connection);
        } else if (connection.subscribed.delete(PRIVATE)) {
          connection.say({ type: 'revoked', channel: PRIVATE });
        }
      }
    }
    return ended;
  }

  beat(): void {
    for (const connection of this.connections) {
      for (const channel of connection.subscribed) {
        connection.say({ type: 'position', channel, position: this.logs.get(channel)!.position });
      }
    }
  }
}
