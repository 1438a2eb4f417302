// SPDX-License-Identifier: MIT
/**
 * Remembers the last ids of each channel, because a replay and two connections that overlap
 * bring events twice. Bounded: a gateway replays at most what its log holds (1,000 by default).
 */
export class Dedupe {
  private readonly channels = new Map<string, Set<string>>();

  constructor(private readonly limit = 2048) {}

  /** False when (channel, id) was seen before; an event without id is always new. */
  isNew(channel: string, id: string | undefined): boolean {
    if (id === undefined) {
      return true;
    }
    let ids = this.channels.get(channel);
    if (!ids) {
      ids = new Set();
      this.channels.set(channel, ids);
    }
    if (ids.has(id)) {
      return false;
    }
    ids.add(id);
    if (ids.size > this.limit) {
      const [oldest] = ids; // a Set keeps the order of insertion
      ids.delete(oldest as string);
    }
    return true;
  }

  forget(channel: string): void {
    this.channels.delete(channel);
  }

  clear(): void {
    this.channels.clear();
  }
}
