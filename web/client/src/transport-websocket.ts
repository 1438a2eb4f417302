// SPDX-License-Identifier: MIT
/** A link over WebSocket: opens the socket, keeps watch over it, and lets a Session talk. */
import { Backoff } from './backoff.js';
import { parseMessage } from './events.js';
import { Liveness } from './liveness.js';
import { CUT_MS, type CloseInfo, type Link, type LinkOwner } from './link.js';
import type { Resources } from './options.js';
import { Question } from './question.js';
import { Session } from './session.js';
import { Timer } from './timer.js';

/** The part of a WebSocket that is used; the browser's, Node's and the `ws` package's have it. */
export interface WebSocketLike {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** Ends that nobody asked for. The other codes are something that the gateway said. */
const BROKEN_CODES: ReadonlySet<number> = new Set([1002, 1006, 1007, 1009]);

export class WebSocketLink implements Link {
  readonly kind = 'websocket';
  isOpen = false;
  private socket: WebSocketLike | null = null;
  private done = false;
  private proven = false;
  private tokenChanged = false;
  private readonly openTimer = new Timer();
  private readonly answerTimer = new Timer();
  private readonly question: Question;
  private readonly liveness: Liveness;
  private readonly session: Session;

  constructor(
    private readonly owner: LinkOwner,
    private readonly resources: Resources,
    private readonly socketClass: WebSocketConstructor,
  ) {
    const { timing, random } = resources;
    this.session = new Session(
      {
        send: (command) => this.send(command),
        channels: () => owner.channels(),
        position: (channel) => owner.position(channel),
        token: (reason) => owner.token(reason),
        onAuthenticated: (username) => owner.onAuthenticated(this, username),
        onSubscribed: (answer, asked) => owner.onSubscribed(this, answer, asked),
        onMessage: (message) => owner.onMessage(this, message),
        onReconnect: (message) => owner.onReconnect(this, message),
        onRefused: (error) => owner.onRefused(this, error),
        onTokenFault: (cause) => owner.onTokenFault(cause),
        onOutdated: () => this.onOutdated(),
        onSettled: () => owner.onSettled(this),
      },
      new Backoff(timing.baseDelayMs, timing.maxDelayMs, random),
      timing.connectTimeoutMs,
    );
    this.question = new Question(timing.connectTimeoutMs);
    this.liveness = new Liveness({
      silenceMs: timing.silenceMs,
      answerMs: timing.answerMs,
      ask: () => this.session.ping(),
      onDead: () => this.end({ code: 1006, reason: 'no answer to a ping' }),
    });
  }

  open(): void {
    this.question.ask(
      this.owner.token('connect'),
      (token) => this.dial(token || null),
      (cause) => this.end({ code: 1006, reason: 'no token', tokenFault: { cause } }),
    );
  }

  close(): void {
    this.release();
  }

  get isRefused(): boolean {
    return this.session.isRefused;
  }

  feeds(channel: string): boolean {
    return this.session.isActive(channel);
  }

  fits(): boolean {
    return true;
  }

  subscribe(channel: string): void {
    if (this.isOpen) {
      this.session.subscribe(channel);
    }
  }

  askAgain(channel: string): void {
    if (this.isOpen) {
      this.session.askAgain(channel);
    }
  }

  unsubscribe(channel: string): void {
    if (this.isOpen) {
      this.session.unsubscribe(channel);
    }
  }

  renewToken(): void {
    if (this.isOpen) {
      this.session.renewToken();
    } else {
      this.tokenChanged = true;
    }
  }

  check(): void {
    this.liveness.check();
  }

  private dial(token: string | null): void {
    this.openTimer.start(this.resources.timing.connectTimeoutMs, () =>
      this.end({ code: 1006, reason: 'could not be opened in time' }),
    );
    try {
      this.socket = new this.socketClass(this.resources.urls().websocket);
    } catch (cause) {
      // Synchronous for an address the browser forbids, such as ws: from an https: page.
      this.end({ code: 1006, reason: String(cause) });
      return;
    }
    this.socket.onopen = () => this.onOpen(token);
    this.socket.onmessage = (event: { data?: unknown }) => this.onText(event.data);
    this.socket.onclose = (event: { code?: number; reason?: string }) =>
      this.onSocketClose(event.code ?? 1006, event.reason ?? '');
    this.socket.onerror = ignore; // a close always follows
  }

  private onOpen(token: string | null): void {
    this.openTimer.stop();
    this.isOpen = true;
    this.liveness.start();
    this.owner.onOpen(this);
    if (this.done) {
      return;
    }
    if (this.tokenChanged) {
      this.session.renewToken(); // never the former user's token
    }
    this.session.start(this.tokenChanged ? null : token);
  }

  /** The gateway knows this connection as the former user: only another one can be the new one. */
  private onOutdated(): void {
    this.proven = true;
    this.end({ code: 1000, reason: 'another token', retryMs: 0 });
  }

  private onSocketClose(code: number, reason: string): void {
    const broken = BROKEN_CODES.has(code);
    if (this.isOpen && code !== 1006) {
      this.proven = true; // a close code is something the gateway said
    }
    this.end({ code, reason, cut: this.isOpen && broken && this.liveness.silentMs < CUT_MS });
  }

  private onText(text: unknown): void {
    this.proven = true;
    this.answerTimer.stop();
    this.liveness.heard();
    const message = typeof text === 'string' ? parseMessage(text) : null;
    if (message) {
      this.session.handle(message);
    }
  }

  private send(command: Record<string, unknown>): void {
    if (!this.proven && !this.answerTimer.running) {
      this.answerTimer.start(this.resources.timing.answerMs, () =>
        this.end({ code: 1006, reason: 'no answer to the first command' }),
      );
    }
    try {
      this.socket?.send(JSON.stringify(command));
    } catch {
      // A socket that is closing: its close event follows and everything is said again.
    }
  }

  private end(info: Omit<CloseInfo, 'proven'>): void {
    if (!this.done) {
      this.release();
      this.owner.onClose(this, { ...info, proven: this.proven });
    }
  }

  private release(): void {
    this.done = true;
    this.isOpen = false;
    this.question.stop();
    this.openTimer.stop();
    this.answerTimer.stop();
    this.liveness.stop();
    this.session.stop();
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      // The `ws` package reports a close before the opening as an error, and an error that
      // nobody listens to ends a Node process.
      socket.onerror = ignore;
      socket.close(1000);
    }
  }
}

function ignore(): void {}
