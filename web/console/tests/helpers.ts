// SPDX-License-Identifier: MIT
/** A socket whose other end is the test, and components without a library. */
import { createApp, nextTick, type Component } from 'vue';
import { onTestFinished } from 'vitest';

export class FakeSocket {
  static all: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  isClosed = false;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.isClosed = true;
  }

  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  drop(code = 1006): void {
    this.onclose?.({ code, reason: '' });
  }

  lastOf(type: string): Record<string, unknown> {
    return this.sent.filter((one) => one['type'] === type).at(-1)!;
  }

  /** Confirms all subscriptions that were asked for. */
  confirm(recovered?: boolean): void {
    for (const { type, channel, id } of [...this.sent]) {
      if (type === 'subscribe') {
        this.say({ type: 'subscribed', channel, id, position: 'E:1', ...(recovered === undefined ? {} : { recovered }) });
      }
    }
  }
}

export function mount(component: Component, props: Record<string, unknown> = {},
  provided: [symbol, unknown][] = []): HTMLElement {
  const root = document.body.appendChild(document.createElement('div'));
  const app = createApp(component, props);
  provided.forEach(([key, value]) => app.provide(key, value));
  app.mount(root);
  onTestFinished(() => {
    app.unmount();
    root.remove();
  });
  return root;
}

export const settled = nextTick;
