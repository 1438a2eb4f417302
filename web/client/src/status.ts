// SPDX-License-Identifier: MIT
/** The state of a connection as the application sees it. */
import type { ClientError } from './errors.js';
import type { LinkKind } from './link.js';

export type ConnectionState = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

/** A snapshot of the connection. */
export interface ConnectionStatus {
  readonly state: ConnectionState;
  /** What brings news now; `polling` while nothing can be opened. */
  readonly transport: LinkKind | 'polling' | null;
  /** Tries since the connection last held. */
  readonly attempts: number;
  /** While waiting: the delay before the next try. */
  readonly retryInMs: number | null;
  /** How the last connection ended. */
  readonly closeCode: number | null;
  /** Who the gateway says we are. */
  readonly username: string | null;
  /** The last thing that went wrong; null again when a connection opens. */
  readonly error: ClientError | null;
  /** The channels wanted that the gateway refuses; `errorOf` says why. */
  readonly refused: readonly string[];
}

const INITIAL: ConnectionStatus = {
  state: 'idle', transport: null, attempts: 0, retryInMs: null, closeCode: null, username: null,
  error: null, refused: [],
};

/** Holds the newest snapshot and tells of each change once. */
export class StatusBox {
  private snapshot = INITIAL;

  constructor(private readonly onChange: (status: ConnectionStatus) => void) {}

  get value(): ConnectionStatus {
    return this.snapshot;
  }

  /** Closed by the application: nothing is known any more. */
  close(): void {
    this.update({ ...INITIAL, state: 'closed' });
  }

  update(change: Partial<ConnectionStatus>): void {
    const next = { ...this.snapshot, ...change };
    const keys = Object.keys(next) as (keyof ConnectionStatus)[];
    if (keys.some((key) => next[key] !== this.snapshot[key])) {
      this.snapshot = next;
      this.onChange(next);
    }
  }
}
