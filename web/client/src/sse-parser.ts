// SPDX-License-Identifier: MIT
/**
 * Reads a stream of Server-Sent Events from pieces of text that may be cut anywhere.
 * Only what the gateway sends is used: the data, which is the message itself, and `retry`.
 */
export interface SseHandlers {
  /** The `data` lines of one event, joined. */
  onData(data: string): void;
  /** How long the server wants the client to stay away. */
  onRetry(delayMs: number): void;
}

export class SseParser {
  private rest = '';
  private data: string[] = [];
  private afterCr = false;

  constructor(private readonly handlers: SseHandlers) {}

  push(text: string): void {
    // A line may end in CR LF with the piece cut between the two.
    const piece = this.afterCr && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') {
      this.afterCr = text.endsWith('\r');
    }
    const lines = (this.rest + piece).split(/\r\n|\r|\n/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      this.onLine(line);
    }
  }

  private onLine(line: string): void {
    if (line === '') {
      this.onBlank();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      this.data.push(value);
    } else if (field === 'retry' && /^\d+$/.test(value)) {
      this.handlers.onRetry(Number(value));
    }
  }

  private onBlank(): void {
    if (this.data.length > 0) {
      const data = this.data.join('\n');
      this.data = [];
      this.handlers.onData(data);
    }
  }
}
