// SPDX-License-Identifier: MIT
/**
 * Keeps one link open whatever happens: chooses the transport, waits, comes back, hands over.
 *
 *   idle       -> connecting  start(), or a channel after the gateway ended an unused connection
 *   connecting -> open        the transport is open
 *   connecting -> waiting     it could not be opened
 *   open       -> waiting     it was lost
 *   open       -> idle        nothing is subscribed and the gateway ended it
 *   waiting    -> connecting  the delay is over, the network is back, the page is shown again.
 *                             After a connection on which everything was refused only: the (long)
 *                             delay is over, another channel or token, the network was long away
 *   any        -> closed      stop(), or a final close code (4000-4099 but 4008)
 *   closed     -> connecting  start()
 */
import { Backoff } from './backoff.js';
import type { Channels } from './channels.js';
import { callbackError, isFinalClose, type ClientError } from './errors.js';
import { Handover } from './handover.js';
import type { CloseInfo, Link, LinkKind, LinkOwner, Token, TokenReason } from './link.js';
import {
  fetchFunction, webSocketClass, type ConnectionOptions, type Resources,
} from './options.js';
import { watchPage, type PageNews } from './page.js';
import { TransportPlan } from './plan.js';
import { Poller } from './polling.js';
import type { ConnectionState, StatusBox } from './status.js';
import { Timer } from './timer.js';
import { SseLink } from './transport-sse.js';
import { WebSocketLink } from './transport-websocket.js';

/** Channels that change in one go make one new stream. */
const STREAM_CHANGE_MS = 100;
/** After "overload, try later" the first ceiling is 8 s. */
const OVERLOAD_ATTEMPTS = 3;
/** When everything is refused: tries after up to 1, 2, 4 … 15 min, because access may be granted. */
const REFUSED_BASE_MS = 60_000;
const REFUSED_MAX_MS = 900_000;
/** Who was away for so long may be somewhere else. */
const LONG_OFFLINE_MS = 60_000;
/** Tries in a row that reached nothing, after which the application hears it. */
const UNREACHABLE_TRIES = 2;
const CLOSE_UNUSED = 1008;
const CLOSE_OVERLOAD = 1013;

export class Supervisor {
  readonly backoff: Backoff;
  private readonly plan: TransportPlan;
  private readonly handover: Handover;
  private readonly poller: Poller | null;
  private readonly retryTimer = new Timer();
  private readonly stableTimer = new Timer();
  private readonly probeTimer = new Timer();
  private readonly linkOwner: LinkOwner;
  private readonly refusedBackoff: Backoff;
  private probes = 0;
  private unreached = 0;
  /** Waiting because everything was refused. */
  private patient = false;
  /** The current link was open for `stableMs`, and then … */
  private stable = false;
  /** … a position came: it does what it should. */
  private held = false;
  private lastRefusal = '';
  private unwatchPage: (() => void) | null = null;
  private current: Link | null = null;
  private token: Token;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly resources: Resources,
    private readonly channels: Channels,
    private readonly status: StatusBox,
    private readonly onError: (error: ClientError) => void,
  ) {
    const { timing, random } = resources;
    this.token = options.token;
    this.backoff = new Backoff(timing.baseDelayMs, timing.maxDelayMs, random);
    this.refusedBackoff = new Backoff(REFUSED_BASE_MS, REFUSED_MAX_MS, random);
    this.plan = new TransportPlan(() => ({
      websocket: webSocketClass(options) !== null,
      sse: fetchFunction(options) !== null,
    }));
    this.handover = new Handover(
      {
        make: (kind) => this.makeLink(kind),
        promote: (link) => this.promote(link),
        onProbeFailed: () => this.onProbeFailed(),
      },
      new Backoff(timing.baseDelayMs, timing.maxDelayMs, random),
      timing.handoverMs,
    );
    this.linkOwner = this.makeLinkOwner();
    const onPollError = (cause: unknown) => onError(callbackError('poll_failed', cause));
    this.poller = options.poll
      ? new Poller(options.poll, timing.pollMs, onPollError, timing.connectTimeoutMs)
      : null;
  }

  private get state(): ConnectionState {
    return this.status.value.state;
  }

  start(token: Token): void {
    this.resources.urls(); // throws here rather than in a timer when there is no address
    const changed = token !== undefined && (token || null) !== (this.token || null);
    this.token = token === undefined ? this.token : token;
    this.refusedBackoff.reset();
    if (changed) {
      this.status.update({ username: null });
    }
    this.unwatchPage ??= watchPage((news) => this.onPageNews(news));
    // A connection cannot be made nobody's again: without a token only another one will do.
    if (this.state === 'open' && !(changed && !this.token)) {
      if (changed) {
        this.handover.next?.renewToken();
        this.current?.renewToken();
      }
      return;
    }
    if (this.state === 'connecting' && !changed) {
      return;
    }
    if (this.state === 'idle' || this.state === 'closed') {
      this.backoff.reset();
    }
    this.attempt();
  }

  stop(): void {
    this.release();
    this.token = this.options.token;
    this.status.close();
    this.backoff.reset();
    this.refusedBackoff.reset();
    this.plan.reset();
    this.probes = 0;
    this.unreached = 0;
    this.lastRefusal = '';
  }

  onChannelAdded(channel: string): void {
    this.current?.subscribe(channel);
    this.handover.next?.subscribe(channel);
    this.attemptFor();
    this.refitStream();
  }

  /** A channel that was refused has a new subscriber. */
  askAgain(channel: string): void {
    this.current?.askAgain(channel);
    this.handover.next?.askAgain(channel);
    this.attemptFor();
    this.refitStream();
  }

  /** There is another question to ask, which was all that was missing. */
  private attemptFor(): void {
    const isPatient = this.state === 'waiting' && this.patient;
    if (this.unwatchPage && (this.state === 'idle' || isPatient)) {
      this.attempt();
    }
  }

  onChannelDeleted(channel: string): void {
    this.current?.unsubscribe(channel);
    this.handover.next?.unsubscribe(channel);
    this.refitStream();
  }

  private attempt(): void {
    this.dropLinks();
    const kind = this.plan.next(this.channels.names.size > 0);
    const link = kind && this.makeLink(kind);
    if (!link) {
      this.idleOrPoll();
      return;
    }
    this.patient = false;
    this.current = link;
    this.status.update({ state: 'connecting', retryInMs: null, attempts: this.backoff.attempts });
    link.open();
  }

  /** Nothing can be opened: no channel is wanted yet, or this place has no transport at all. */
  private idleOrPoll(): void {
    if (this.plan.possible) {
      this.status.update({ state: 'idle', transport: null, retryInMs: null });
    } else {
      this.poller?.start();
      const transport = this.poller ? 'polling' : null;
      this.status.update({ state: 'waiting', transport, retryInMs: null });
    }
  }

  private makeLink(kind: LinkKind): Link | null {
    if (kind === 'websocket') {
      const socketClass = webSocketClass(this.options);
      return socketClass && new WebSocketLink(this.linkOwner, this.resources, socketClass);
    }
    const fetchStream = fetchFunction(this.options);
    return fetchStream && new SseLink(this.linkOwner, this.resources, fetchStream);
  }

  private makeLinkOwner(): LinkOwner {
    const { channels } = this;
    return {
      channels: () => channels.names,
      position: (channel) => channels.position(channel),
      token: (reason) => this.askToken(reason),
      onOpen: (link) => link === this.current && this.becomeOpen(link),
      onAuthenticated: (_link, username) => this.status.update({ username }),
      onSubscribed: (link, answer, asked) => {
        this.refusedBackoff.reset();
        this.onPosition(link);
        channels.onSubscribed(answer, asked);
      },
      onMessage: (link, message) => {
        this.onPosition(link);
        // What the successor feeds comes from it alone: the two must not mix.
        if (link !== this.current || !this.handover.next?.feeds(message.channel)) {
          channels.onMessage(message);
        }
      },
      onReconnect: (link, { after = 0 }) => {
        // A successor whose gateway leaves as well: its close is met like any other.
        if (link === this.current) {
          this.handover.begin('leaving', link.kind, after);
        }
      },
      onRefused: (_link, error) => channels.onRefused(error),
      onSettled: (link) => link === this.handover.next && this.handover.onSettled(),
      onTokenFault: (cause) => this.onError(callbackError('token_failed', cause)),
      onClose: (link, info) => this.onClose(link, info),
    };
  }

  /** A function's answer is always a promise of ours, even when it throws. */
  private askToken(reason: TokenReason) {
    const { token } = this;
    return typeof token === 'function' ? Promise.resolve().then(() => token(reason)) : token;
  }

  private becomeOpen(link: Link): void {
    this.poller?.stop();
    this.stable = false;
    this.held = false;
    this.lastRefusal = '';
    this.stableTimer.start(this.resources.timing.stableMs, () => this.onStable());
    if (link.kind === 'websocket') {
      this.probeTimer.stop();
    } else if (!this.probeTimer.running) {
      this.startProbeTimer();
    }
    this.status.update({ state: 'open', transport: link.kind, retryInMs: null, error: null });
  }

  /** A message of a channel came: everything before it did, too. */
  private onPosition(link: Link): void {
    if (link === this.current && this.stable && !this.held) {
      this.held = true;
      this.plan.held(link.kind);
      this.probes = link.kind === 'websocket' ? 0 : this.probes;
    }
  }

  private onStable(): void {
    this.stable = true;
    this.backoff.reset();
    this.status.update({ attempts: 0 });
  }

  private promote(link: Link): void {
    const old = this.current;
    this.current = link;
    old?.close();
    this.plan.worked(link.kind);
    this.becomeOpen(link);
    this.refitStream();
  }

  private onClose(link: Link, info: CloseInfo): void {
    if (info.tokenFault) {
      this.onError(callbackError('token_failed', info.tokenFault.cause));
    }
    if (isFinalClose(info.code)) {
      this.finish(info);
    } else if (link === this.handover.next) {
      this.handover.onClose();
    } else if (link === this.current) {
      this.onLost(link, info);
    }
  }

  private onLost(link: Link, info: CloseInfo): void {
    const heir = this.handover.take();
    if (heir) {
      this.current = heir;
      this.inherit(heir, info);
      return;
    }
    this.dropLinks();
    if (info.code === CLOSE_UNUSED && this.channels.names.size === 0) {
      this.status.update({ state: 'idle', transport: null, closeCode: info.code });
      return;
    }
    this.judge(link.kind, info);
    if (link.isRefused) {
      this.patient = true;
      this.wait(this.refusedBackoff.next(), info.code);
      return;
    }
    if (info.code === CLOSE_OVERLOAD) {
      this.backoff.atLeast(OVERLOAD_ATTEMPTS);
    }
    this.wait(info.retryMs ?? this.backoff.next(), info.code);
  }

  /** What the end of a link says about its transport, and to the application. */
  private judge(kind: LinkKind, info: CloseInfo): void {
    if (info.status !== undefined) {
      this.tellRefusal(info.status, info.reason);
    }
    if (info.proven) {
      this.unreached = 0;
      if (info.cut && !this.held) {
        this.plan.cut(kind);
      } else {
        this.plan.worked(kind);
      }
    } else if (!info.tokenFault) {
      this.plan.failed(kind);
      this.unreached += 1;
      if (this.unreached === UNREACHABLE_TRIES) {
        const { websocket } = this.resources.urls();
        this.onError({ code: 'unreachable', message: `${websocket} cannot be reached: ${info.reason}` });
      }
    }
  }

  /** Once for each answer, however often it is given. */
  private tellRefusal(status: number, message: string): void {
    if (message !== this.lastRefusal) {
      this.lastRefusal = message;
      this.onError({ code: 'stream_refused', status, message });
    }
  }

  /** The old connection ended before its successor was complete: the successor goes on alone. */
  private inherit(heir: Link, info: CloseInfo): void {
    this.stableTimer.stop();
    this.probeTimer.stop();
    this.status.update({ closeCode: info.code });
    if (heir.isOpen) {
      this.becomeOpen(heir);
      this.refitStream();
    } else {
      this.status.update({ state: 'connecting' });
    }
  }

  private wait(delayMs: number, closeCode: number): void {
    if (this.plan.exhausted) {
      this.poller?.start();
    }
    this.retryTimer.start(delayMs, () => this.attempt());
    this.status.update({
      state: 'waiting',
      transport: this.poller?.running ? 'polling' : null,
      attempts: this.backoff.attempts,
      retryInMs: delayMs,
      closeCode,
    });
  }

  /** The gateway does not want us back: only the application may try again. */
  private finish(info: CloseInfo): void {
    this.release();
    this.token = this.options.token; // the other one has ended
    this.status.update({
      state: 'closed', transport: null, retryInMs: null, closeCode: info.code, username: null,
    });
    this.onError({ code: 'closed', closeCode: info.code, message: info.reason || `code ${info.code}` });
  }

  private onPageNews(news: PageNews): void {
    const isLongAway = news.offlineMs >= LONG_OFFLINE_MS;
    if (this.state === 'waiting' && (!this.patient || isLongAway)) {
      this.attempt();
    } else if (this.state === 'open') {
      this.current?.check();
      if (news.kind === 'online' && this.current?.kind === 'sse') {
        this.probe();
      }
    }
  }

  /** Soon at first, because a restart of the gateways may have led here; then ever more rarely. */
  private startProbeTimer(): void {
    const { stableMs, probeMs } = this.resources.timing;
    const delayMs = Math.min(probeMs, stableMs * 2 ** this.probes);
    this.probeTimer.start(delayMs, () => this.probe());
  }

  /** On Server-Sent Events: is WebSocket possible again? */
  private probe(): void {
    this.probes += 1;
    this.startProbeTimer();
    if (!this.handover.busy && webSocketClass(this.options)) {
      this.handover.begin('probe', 'websocket', 0);
    }
  }

  private onProbeFailed(): void {
    this.startProbeTimer();
    this.refitStream();
  }

  /** A stream serves the channels of its address only: others need another stream. */
  private refitStream(): void {
    if (this.current?.kind !== 'sse') {
      return;
    }
    if (this.channels.names.size === 0) {
      this.dropLinks();
      this.status.update({ state: 'idle', transport: null });
    } else if (!this.current.fits() && !this.handover.busy) {
      this.handover.begin('channels', 'sse', STREAM_CHANGE_MS);
    }
  }

  private dropLinks(): void {
    this.retryTimer.stop();
    this.stableTimer.stop();
    this.probeTimer.stop();
    this.handover.cancel();
    this.current?.close();
    this.current = null;
  }

  private release(): void {
    this.dropLinks();
    this.poller?.stop();
    this.patient = false;
    this.unwatchPage?.();
    this.unwatchPage = null;
  }
}
