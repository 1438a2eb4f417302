// SPDX-License-Identifier: MIT
/**
 * Replaces a connection that still works: the successor is opened and resumed first, and only
 * when every channel flows there is the old one closed. Until then each channel is taken from
 * one of the two, so nothing is missed and order is kept.
 *
 *   idle -> scheduled   begin()
 *   scheduled -> trying the delay is over; the successor is opened
 *   trying -> idle      it is complete (promote), or failed (dropped), or the old one died (take)
 */
import type { Backoff } from './backoff.js';
import type { Link, LinkKind } from './link.js';
import { Timer } from './timer.js';

/**
 * leaving: the gateway goes, ask again until it is gone · channels: a stream for other channels,
 * ask again as well · probe: is WebSocket possible again? One try.
 */
export type HandoverReason = 'leaving' | 'channels' | 'probe';

export interface HandoverOwner {
  make(kind: LinkKind): Link | null;
  /** The successor takes over. */
  promote(link: Link): void;
  /** A probe failed; the current connection goes on. */
  onProbeFailed(): void;
}

interface Plan {
  readonly reason: HandoverReason;
  readonly kind: LinkKind;
}

export class Handover {
  private plan: Plan | null = null;
  private link: Link | null = null;
  private readonly delay = new Timer();
  private readonly limit = new Timer();

  constructor(
    private readonly owner: HandoverOwner,
    private readonly backoff: Backoff,
    private readonly limitMs: number,
  ) {}

  /** The successor being tried. */
  get next(): Link | null {
    return this.link;
  }

  get busy(): boolean {
    return this.plan !== null;
  }

  /** Starts after `delayMs`; what was under way is given up for it. */
  begin(reason: HandoverReason, kind: LinkKind, delayMs: number): void {
    this.cancel();
    this.plan = { reason, kind };
    if (delayMs > 0) {
      this.delay.start(delayMs, () => this.tryNow());
    } else {
      this.tryNow();
    }
  }

  /** The successor has every answer. */
  onSettled(): void {
    const link = this.take();
    if (link) {
      this.owner.promote(link);
    }
  }

  /** The successor's connection ended before it could take over. */
  onClose(): void {
    const { plan } = this;
    this.link = null;
    this.limit.stop();
    if (plan?.reason === 'probe') {
      this.plan = null;
      this.owner.onProbeFailed();
    } else if (plan) {
      this.delay.start(this.backoff.next(), () => this.tryNow());
    }
  }

  /** Hands out the successor as it is, for when there is nothing else any more. */
  take(): Link | null {
    const { link } = this;
    this.link = null;
    this.cancel();
    return link;
  }

  cancel(): void {
    this.delay.stop();
    this.limit.stop();
    this.plan = null;
    this.backoff.reset();
    const { link } = this;
    this.link = null;
    link?.close();
  }

  private tryNow(): void {
    const { plan } = this;
    const link = plan && this.owner.make(plan.kind);
    if (!plan || !link) {
      this.cancel();
      return;
    }
    this.link = link;
    this.limit.start(this.limitMs, () => this.onLimit());
    link.open();
  }

  /** An open successor is good enough by now; one that is not never will be. */
  private onLimit(): void {
    if (this.link?.isOpen && this.plan?.reason !== 'probe') {
      this.onSettled();
    } else {
      this.link?.close();
      this.onClose();
    }
  }
}
