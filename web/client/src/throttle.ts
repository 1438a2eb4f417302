// SPDX-License-Identifier: MIT
/**
 * Spaces out the events of one subscriber. The first goes through at once; those that follow
 * within the window wait for its end and come in order. Of scoreboards of one kind only the
 * latest is kept, and says in `skipped` for how many it stands; nothing else is ever dropped.
 */
import type { BroadcastEvent } from './events.js';
import { Timer } from './timer.js';

/** Contestants' and admins' scoreboards of one contest are two different things. */
function scoreboardKey(event: BroadcastEvent): string | null {
  if (event.type !== 'scoreboard_update') {
    return null;
  }
  return `${event.data?.contest_alias ?? ''}/${event.data?.scoreboard_type ?? ''}`;
}

export class Throttle {
  private readonly timer = new Timer();
  private waiting: BroadcastEvent[] = [];
  private stopped = false;

  constructor(
    private readonly windowMs: number,
    private readonly deliver: (event: BroadcastEvent) => void,
  ) {}

  push(event: BroadcastEvent): void {
    if (this.stopped) {
      return; // by another subscriber of the same event
    }
    if (this.windowMs <= 0) {
      this.deliver(event);
    } else if (this.timer.running) {
      this.enqueue(event);
    } else {
      this.timer.start(this.windowMs, () => this.onWindowEnd());
      this.deliver(event);
    }
  }

  /** Delivers what waits now. */
  flush(): void {
    const events = this.waiting;
    this.waiting = [];
    for (const event of events) {
      if (!this.stopped) {
        this.deliver(event);
      }
    }
  }

  /** Forgets what waits and delivers nothing more. */
  stop(): void {
    this.stopped = true;
    this.timer.stop();
    this.waiting = [];
  }

  private onWindowEnd(): void {
    if (this.waiting.length > 0) {
      this.timer.start(this.windowMs, () => this.onWindowEnd());
      this.flush();
    }
  }

  private enqueue(event: BroadcastEvent): void {
    const key = scoreboardKey(event);
    const index = key === null ? -1 : this.waiting.findIndex((other) => scoreboardKey(other) === key);
    if (index < 0) {
      this.waiting.push(event);
      return;
    }
    const [older] = this.waiting.splice(index, 1);
    this.waiting.push({ ...event, skipped: (event.skipped ?? 0) + (older?.skipped ?? 0) + 1 });
  }
}
