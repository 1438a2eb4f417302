// SPDX-License-Identifier: MIT
/** The real processes behind the browser tests, by way of stack.py. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Addresses {
  /** Port of the first two gateways, and of the third. */
  readonly shared: number;
  readonly other: number;
  readonly contest: string;
  readonly scoreboard: string;
  readonly tokens: Readonly<Record<string, string>>;
  /** The reference pages' example of each type of event. */
  readonly reference: Readonly<Record<string, BackendEvent>>;
}

export interface BackendEvent {
  readonly type: string;
  readonly timestamp?: number;
  readonly public?: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

const LONGEST_ANSWER_MS = 60_000;

export class Stack {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
    private readonly reader: Interface,
    readonly at: Addresses,
  ) {}

  static async start(directory: string, consoleDir: string): Promise<Stack> {
    const script = fileURLToPath(new URL('stack.py', import.meta.url));
    const child = spawn('/usr/bin/python3', [script, directory, consoleDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    const reader = createInterface({ input: child.stdout! });
    const lines = reader[Symbol.asyncIterator]();
    return new Stack(child, lines, reader, (await nextLine(lines)) as Addresses);
  }

  /** The console of a gateway, with a view and what to begin with there. */
  page(view = '', port = this.at.shared): string {
    return `http://127.0.0.1:${port}/console/#/${view}`;
  }

  async post(event: BackendEvent): Promise<void> {
    await this.order({ do: 'post', event });
  }

  /** Open connections of each gateway; null: it does not run. */
  async connections(): Promise<(number | null)[]> {
    return (await this.order({ do: 'connections' })) as (number | null)[];
  }

  async kill(gateway: number): Promise<void> {
    await this.order({ do: 'kill', gateway });
  }

  async startGateway(gateway: number): Promise<void> {
    await this.order({ do: 'start', gateway });
  }

  async deauthenticate(user: string): Promise<void> {
    await this.order({ do: 'deauthenticate', user });
  }

  async stop(): Promise<void> {
    const ended = new Promise<number | null>((resolve) => this.child.once('exit', resolve));
    this.child.stdin!.end();
    const status = await ended;
    this.reader.close();
    if (status !== 0) {
      throw new Error(`stack.py ended with status ${status}`);
    }
  }

  private async order(order: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.child.stdin!.write(`${JSON.stringify(order)}\n`);
    const answer = (await nextLine(this.lines)) as { ok?: unknown; error?: string };
    if (answer.error !== undefined) {
      throw new Error(`${String(order['do'])}: ${answer.error}`);
    }
    return answer.ok;
  }
}

async function nextLine(lines: AsyncIterator<string>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('stack.py does not answer')), LONGEST_ANSWER_MS);
  });
  try {
    const { value, done } = await Promise.race([lines.next(), limit]);
    if (done) {
      throw new Error('stack.py ended');
    }
    return JSON.parse(value);
  } finally {
    clearTimeout(timer);
  }
}
