// SPDX-License-Identifier: MIT
/**
 * The commands of one WebSocket connection: authentication and subscriptions.
 *
 * A channel here:
 *   pending      -> active        `subscribed`
 *   pending      -> retry         `unavailable`, `rate_limited`: asked again after a delay
 *   pending      -> unauthorized  waits for a new `auth_success`, then asked once more
 *   pending      -> refused       any other error, or `unauthorized` for the second time
 *   unauthorized -> refused       no other token is to be had
 *   active       -> refused       `revoked`
 *   refused      -> pending       askAgain(): there is a new subscriber
 */
import { Backoff } from './backoff.js';
import { isTransient, serverErrorCode, toServerError, type ServerError } from './errors.js';
import type {
  ChannelMessage, ErrorMessage, ReconnectMessage, ServerMessage, SubscribedMessage,
} from './events.js';
import type { TokenReason, TokenValue } from './link.js';
import { Question } from './question.js';
import { Timer } from './timer.js';

/** Refused `auth` commands in a row after which the token function is not asked again. */
const MAX_RENEWALS = 2;
/** The gateway's rule after five refused ones. */
const AUTH_RATE_LIMITED_MS = 60_000;

export interface SessionOwner {
  send(command: Record<string, unknown>): void;
  channels(): Iterable<string>;
  position(channel: string): string | undefined;
  token(reason: TokenReason): TokenValue | Promise<TokenValue>;
  onAuthenticated(username: string): void;
  onSubscribed(answer: SubscribedMessage, asked: string | undefined): void;
  onMessage(message: ChannelMessage): void;
  onReconnect(message: ReconnectMessage): void;
  onRefused(error: ServerError): void;
  /** The token function failed; it is asked again. */
  onTokenFault(cause: unknown): void;
  /** The application's other token was not accepted: this connection still is who it was before. */
  onOutdated(): void;
  onSettled(): void;
}

interface Subscription {
  status: 'pending' | 'active' | 'retry' | 'unauthorized' | 'refused';
  command: string;
  asked: string | undefined;
  /** A new authentication was tried for it already. */
  renewed: boolean;
  error: ServerError | null;
}

export class Session {
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly retryTimer = new Timer();
  private readonly authTimer = new Timer();
  private auth: 'none' | 'asking' | 'pending' | 'retry' | 'accepted' | 'refused' = 'none';
  private authCommand = '';
  private authToken = '';
  private authError: ServerError | null = null;
  private renewals = 0;
  /** Until the application's other token is accepted, the connection belongs to the former user. */
  private replacing = false;
  private lastCommand = 0;
  private stopped = false;

  private readonly question: Question;

  constructor(
    private readonly owner: SessionOwner,
    private readonly backoff: Backoff,
    answerLimitMs: number,
  ) {
    this.question = new Question(answerLimitMs);
  }

  start(token: string | null): void {
    if (token) {
      this.authenticate(token);
    }
    for (const channel of this.owner.channels()) {
      this.subscribe(channel);
    }
    this.settle();
  }

  stop(): void {
    this.stopped = true;
    this.question.stop();
    this.retryTimer.stop();
    this.authTimer.stop();
  }

  get isRefused(): boolean {
    const all = [...this.subscriptions.values()];
    return all.length > 0 && all.every(({ status }) => status === 'refused');
  }

  isActive(channel: string): boolean {
    return this.subscriptions.get(channel)?.status === 'active';
  }

  subscribe(channel: string): void {
    if (!this.subscriptions.has(channel)) {
      this.ask(channel, false);
    }
  }

  askAgain(channel: string): void {
    if (this.subscriptions.get(channel)?.status === 'refused') {
      this.ask(channel, false);
    }
  }

  unsubscribe(channel: string): void {
    const subscription = this.subscriptions.get(channel);
    this.subscriptions.delete(channel);
    if (subscription?.status === 'active' || subscription?.status === 'pending') {
      this.command({ type: 'unsubscribe', channel });
    }
    this.settle();
  }

  /** The application has another token: what was refused is tried again with it. */
  renewToken(): void {
    this.renewals = 0;
    this.replacing = true;
    for (const subscription of this.subscriptions.values()) {
      if (subscription.status === 'refused') {
        subscription.status = 'unauthorized';
      }
    }
    this.authTimer.stop();
    this.askToken('connect', '');
  }

  ping(): void {
    this.command({ type: 'ping' });
  }

  handle(message: ServerMessage): void {
    switch (message.type) {
      case 'auth_success':
        this.onAuthSuccess(message.username, message.id);
        break;
      case 'subscribed':
        this.onSubscribed(message);
        break;
      case 'error':
        this.onError(message);
        break;
      case 'reconnect':
        this.owner.onReconnect(message);
        break;
      case 'unsubscribed':
      case 'pong':
        break;
      default:
        this.onChannelMessage(message);
    }
  }

  private command(fields: Record<string, unknown>): string {
    this.lastCommand += 1;
    const id = String(this.lastCommand);
    this.owner.send({ ...fields, id });
    return id;
  }

  private ask(channel: string, renewed: boolean): void {
    const asked = this.owner.position(channel);
    const command = this.command({
      type: 'subscribe', channel, ...(asked === undefined ? {} : { position: asked }),
    });
    this.subscriptions.set(channel, { status: 'pending', command, asked, renewed, error: null });
  }

  private onSubscribed(message: SubscribedMessage): void {
    const subscription = this.subscriptions.get(message.channel);
    const isAnswer = message.id === undefined || message.id === subscription?.command;
    if (subscription?.status !== 'pending' || !isAnswer) {
      return; // of an earlier subscription that was given up meanwhile
    }
    subscription.status = 'active';
    subscription.renewed = false;
    this.backoff.reset();
    this.owner.onSubscribed(message, subscription.asked);
    this.settle();
  }

  private onChannelMessage(message: ChannelMessage): void {
    const subscription = this.subscriptions.get(message.channel);
    if (subscription?.status !== 'active') {
      return;
    }
    if (message.type === 'revoked') {
      subscription.status = 'refused';
    }
    this.owner.onMessage(message);
  }

  private onError(message: ErrorMessage): void {
    if (message.id !== undefined && message.id === this.authCommand) {
      this.onAuthError(message);
      return;
    }
    for (const [channel, subscription] of this.subscriptions) {
      const isIts = message.id === undefined
        ? message.channel === channel
        : message.id === subscription.command;
      if (isIts && subscription.status === 'pending') {
        this.onSubscribeError(channel, subscription, message);
        return;
      }
    }
  }

  private onSubscribeError(channel: string, subscription: Subscription, message: ErrorMessage): void {
    const error = toServerError(message, channel);
    subscription.error = error;
    if (isTransient(error.code)) {
      subscription.status = 'retry';
      if (!this.retryTimer.running) {
        this.retryTimer.start(this.backoff.next(), () => this.retryChannels());
      }
    } else if (error.code === 'unauthorized' && !subscription.renewed) {
      subscription.status = 'unauthorized';
      this.renew();
    } else {
      this.refuse(subscription);
    }
  }

  private retryChannels(): void {
    for (const [channel, subscription] of [...this.subscriptions]) {
      if (subscription.status === 'retry') {
        this.ask(channel, subscription.renewed);
      }
    }
  }

  private refuse(subscription: Subscription): void {
    subscription.status = 'refused';
    if (subscription.error) {
      this.owner.onRefused(subscription.error);
    }
    this.settle();
  }

  private authenticate(token: string): void {
    this.auth = 'pending';
    this.authToken = token;
    this.authCommand = this.command({ type: 'auth', token });
  }

  private onAuthSuccess(username: string, id: string | undefined): void {
    if (id !== undefined && id !== this.authCommand) {
      return; // of a token that was replaced meanwhile
    }
    this.auth = 'accepted';
    this.authError = null;
    this.renewals = 0;
    this.replacing = false;
    this.owner.onAuthenticated(username);
    for (const [channel, subscription] of [...this.subscriptions]) {
      if (subscription.status === 'unauthorized') {
        this.ask(channel, true);
      }
    }
    this.settle();
  }

  private onAuthError(message: ErrorMessage): void {
    if (this.auth !== 'pending') {
      return;
    }
    const code = serverErrorCode(message.error);
    this.authError = toServerError(message);
    if (isTransient(code) && this.replacing) {
      this.owner.onOutdated();
    } else if (isTransient(code)) {
      this.auth = 'retry';
      const delayMs = code === 'rate_limited' ? AUTH_RATE_LIMITED_MS : this.backoff.next();
      this.authTimer.start(delayMs, () => this.askToken('connect', ''));
    } else {
      this.auth = 'refused';
      this.renew();
    }
  }

  /** Authenticates again, unless that is under way already. */
  private renew(): void {
    if (this.auth === 'asking' || this.auth === 'pending' || this.auth === 'retry') {
      return;
    }
    if (this.renewals >= MAX_RENEWALS) {
      this.giveUp();
      return;
    }
    this.renewals += 1;
    this.askToken('unauthorized', this.auth === 'refused' ? this.authToken : '');
  }

  /** `refusedToken` is the one not worth sending again. */
  private askToken(reason: TokenReason, refusedToken: string): void {
    this.auth = 'asking';
    this.question.ask(
      this.owner.token(reason),
      (token) => {
        if (token && token !== refusedToken) {
          this.authenticate(token);
        } else {
          this.giveUp();
        }
      },
      (cause) => this.onTokenFault(cause, () => this.askToken(reason, refusedToken)),
    );
  }

  private onTokenFault(cause: unknown, askAgain: () => void): void {
    this.owner.onTokenFault(cause);
    if (this.stopped) {
      return; // the application closed the connection when it heard
    }
    if (this.replacing) {
      this.owner.onOutdated();
    } else {
      this.auth = 'retry';
      this.authTimer.start(this.backoff.next(), askAgain);
    }
  }

  /** No other token is to be had: the application hears what was refused. */
  private giveUp(): void {
    if (this.replacing) {
      this.owner.onOutdated();
      return;
    }
    this.auth = 'refused';
    if (this.authError) {
      const error = this.authError;
      this.authError = null;
      this.owner.onRefused(error);
    }
    for (const subscription of [...this.subscriptions.values()]) {
      if (subscription.status === 'unauthorized') {
        this.refuse(subscription);
      }
    }
    this.settle();
  }

  private settle(): void {
    const authOpen = this.auth === 'asking' || this.auth === 'pending' || this.auth === 'retry';
    const open = [...this.subscriptions.values()].some(
      ({ status }) => status !== 'active' && status !== 'refused',
    );
    if (!this.stopped && !authOpen && !open) {
      this.owner.onSettled();
    }
  }
}
