// SPDX-License-Identifier: MIT
/** Where each channel stands, so that a new connection goes on from there. */

import type { ServerMessage, SubscribedMessage } from './events.js';

export class Positions {
  private readonly newest = new Map<string, string>();

  get(channel: string): string | undefined {
    return this.newest.get(channel);
  }

  /**
   * Notes the position that any message of a channel carries. Positions are opaque, so the
   * newest is simply the last one said by the connection that feeds the channel; it may step
   * back to the position asked for when a replay begins, which only costs duplicates.
   */
  note(message: ServerMessage): void {
    const { channel, position } = message as { channel?: string; position?: unknown };
    if (channel !== undefined && typeof position === 'string') {
      this.newest.set(channel, position);
    }
  }

  forget(channel: string): void {
    this.newest.delete(channel);
  }

  clear(): void {
    this.newest.clear();
  }
}

/** May events be missing after this answer to a subscribe that asked for `asked`? */
export function isGap(answer: SubscribedMessage, asked: string | undefined): boolean {
  return asked !== undefined && answer.recovered !== true;
}
