// SPDX-License-Identifier: MIT
/**
 * A clock of the simulation's own: timers in a heap, so that thirty days pass in a second. What
 * belongs to the browser's machine stands still while that sleeps, and is due when it wakes.
 */

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
  readonly ofMachine: boolean;
}

const MAX_AT_ONCE = 10_000;

const isBefore = (a: Entry, b: Entry) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

export class Clock {
  nowMs = 0;
  private readonly heap: Entry[] = [];
  private readonly live = new Map<number, Entry>();
  private overdue: Entry[] = [];
  private asleep = false;
  private lastOrder = 0;

  /** The browser's timers that have not run. */
  get machineTimers(): number {
    return [...this.live.values()].filter(({ ofMachine }) => ofMachine).length;
  }

  start(delayMs: number, task: () => void, ofMachine = false): number {
    this.lastOrder += 1;
    // As setTimeout does it: whole milliseconds, one at least.
    const delay = ofMachine ? Math.max(1, Math.trunc(delayMs) || 0) : delayMs;
    const entry = { dueMs: this.nowMs + delay, order: this.lastOrder, task, ofMachine };
    this.live.set(entry.order, entry);
    this.push(entry);
    return entry.order;
  }

  stop(timer: number): void {
    this.live.delete(timer);
  }

  sleep(): void {
    this.asleep = true;
  }

  wake(): void {
    this.asleep = false;
    for (const entry of this.overdue.splice(0)) {
      this.push({ ...entry, dueMs: this.nowMs });
    }
  }

  /** Lets time pass; promises settle after every timer. Throws when time stands still for ever. */
  async run(untilMs: number): Promise<void> {
    let atOnce = 0;
    for (let entry = this.heap[0]; entry && entry.dueMs <= untilMs; entry = this.heap[0]) {
      this.pop();
      if (!this.live.has(entry.order)) {
        continue;
      }
      if (entry.ofMachine && this.asleep) {
        this.overdue.push(entry);
        continue;
      }
      atOnce = entry.dueMs > this.nowMs ? 0 : atOnce + 1;
      if (atOnce > MAX_AT_ONCE) {
        throw new Error(`time stands still at ${this.nowMs}: ${entry.task}`);
      }
      this.nowMs = Math.max(this.nowMs, entry.dueMs);
      this.live.delete(entry.order);
      entry.task();
      await settle();
    }
    this.nowMs = untilMs;
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) {
        break;
      }
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) {
      return;
    }
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) {
        break;
      }
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) {
        child += 1;
      }
      if (!isBefore(heap[child]!, last)) {
        break;
      }
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** All promises that are due run: a turn of Node's own loop comes after them. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
