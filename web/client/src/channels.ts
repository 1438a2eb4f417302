// SPDX-License-Identifier: MIT
/** The channels that are wanted: where each stands, and what of its messages is news. */
import { Dedupe } from './dedupe.js';
import { isHopeless, type RevokedError, type ServerError } from './errors.js';
import { isEvent, type BroadcastEvent, type ChannelMessage, type SubscribedMessage } from './events.js';
import { isGap, Positions } from './positions.js';

/** A new subscriber of a refused channel asks again, but no more often than this. */
const ASK_AGAIN_MS = 5_000;

interface Refusal {
  readonly error: ServerError | RevokedError;
  readonly atMs: number;
}

export interface ChannelsOwner {
  onEvent(event: BroadcastEvent): void;
  onSubscribed(channel: string, recovered: boolean): void;
  onReset(channel: string): void;
  onError(error: ServerError | RevokedError): void;
  /** Another set of channels is refused now. */
  onRefusals(channels: readonly string[]): void;
  /** A channel that can never be had; the owner calls `delete`. */
  onHopeless(channel: string): void;
}

export class Channels {
  private readonly wanted = new Set<string>();
  private readonly positions = new Positions();
  private readonly seen = new Dedupe();
  private readonly refusals = new Map<string, Refusal>();

  constructor(private readonly owner: ChannelsOwner) {}

  get names(): ReadonlySet<string> {
    return this.wanted;
  }

  position(channel: string): string | undefined {
    return this.positions.get(channel);
  }

  /** Why the channel is refused, as long as it is. */
  errorOf(channel: string): ServerError | RevokedError | null {
    return this.refusals.get(channel)?.error ?? null;
  }

  /** Is it refused, and was that some time ago? Then it counts as not refused from now on. */
  mayAskAgain(channel: string): boolean {
    const refusal = this.refusals.get(channel);
    const due = refusal !== undefined && performance.now() - refusal.atMs >= ASK_AGAIN_MS;
    return due && this.setRefusal(channel, null);
  }

  /** False when it is wanted already. */
  add(channel: string): boolean {
    const isNew = !this.wanted.has(channel);
    this.wanted.add(channel);
    return isNew;
  }

  /** False when it was not wanted. Its position goes as well: whoever comes back starts afresh. */
  delete(channel: string): boolean {
    this.positions.forget(channel);
    this.seen.forget(channel);
    this.setRefusal(channel, null);
    return this.wanted.delete(channel);
  }

  clear(): void {
    this.wanted.clear();
    this.positions.clear();
    this.seen.clear();
    this.refusals.clear();
  }

  onSubscribed(answer: SubscribedMessage, asked: string | undefined): void {
    const { channel } = answer;
    if (!this.wanted.has(channel)) {
      return;
    }
    this.positions.note(answer);
    this.setRefusal(channel, null);
    this.owner.onSubscribed(channel, answer.recovered === true);
    if (isGap(answer, asked)) {
      this.owner.onReset(channel);
    }
  }

  onMessage(message: ChannelMessage): void {
    const { channel } = message;
    if (!this.wanted.has(channel)) {
      return;
    }
    this.positions.note(message);
    if (isEvent(message)) {
      if (this.seen.isNew(channel, message.id)) {
        this.owner.onEvent(message);
      }
    } else if (message.type === 'reset') {
      this.owner.onReset(channel);
    } else if (message.type === 'revoked') {
      this.positions.forget(channel);
      this.refuse(channel, { code: 'revoked', channel, message: 'access to the channel ended' });
    }
  }

  onRefused(error: ServerError): void {
    const { channel } = error;
    if (channel === undefined) {
      this.owner.onError(error);
    } else if (this.wanted.has(channel)) {
      this.refuse(channel, error);
      if (isHopeless(error.code)) {
        this.owner.onHopeless(channel);
      }
    }
  }

  private refuse(channel: string, error: ServerError | RevokedError): void {
    this.setRefusal(channel, error);
    this.owner.onError(error);
  }

  /** Always true, for {@link mayAskAgain}. */
  private setRefusal(channel: string, error: ServerError | RevokedError | null): true {
    const had = this.refusals.has(channel);
    if (error) {
      this.refusals.set(channel, { error, atMs: performance.now() });
    } else {
      this.refusals.delete(channel);
    }
    if (had !== (error !== null)) {
      this.owner.onRefusals([...this.refusals.keys()]);
    }
    return true;
  }
}
