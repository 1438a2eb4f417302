// SPDX-License-Identifier: MIT
/** The channels that are wanted: where each stands, and what of its messages is news. */
import { Dedupe } from './dedupe.js';
import { isHopeless, type RevokedError, type ServerError } from './errors.js';
import { isEvent, type BroadcastEvent, type ChannelMessage, type SubscribedMessage } from './events.js';
import { isGap, Positions } from './positions.js';

export interface ChannelsOwner {
  onEvent(event: BroadcastEvent): void;
  onSubscribed(channel: string, recovered: boolean): void;
  onReset(channel: string): void;
  onError(error: ServerError | RevokedError): void;
  /** A channel that can never be had; the owner calls `delete`. */
  onHopeless(channel: string): void;
}

export class Channels {
  private readonly wanted = new Set<string>();
  private readonly positions = new Positions();
  private readonly seen = new Dedupe();

  constructor(private readonly owner: ChannelsOwner) {}

  get names(): ReadonlySet<string> {
    return this.wanted;
  }

  position(channel: string): string | undefined {
    return this.positions.get(channel);
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
    return this.wanted.delete(channel);
  }

  clear(): void {
    this.wanted.clear();
    this.positions.clear();
    this.seen.clear();
  }

  onSubscribed(answer: SubscribedMessage, asked: string | undefined): void {
    const { channel } = answer;
    if (!this.wanted.has(channel)) {
      return;
    }
    this.positions.note(answer);
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
      this.owner.onError({ code: 'revoked', channel, message: 'access to the channel ended' });
    }
  }

  onRefused(error: ServerError): void {
    this.owner.onError(error);
    if (error.channel !== undefined && isHopeless(error.code)) {
      this.owner.onHopeless(error.channel);
    }
  }
}
