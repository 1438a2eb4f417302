// SPDX-License-Identifier: MIT
/** One stack and one browser per test file, and what all tests of the console say. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Stack } from './stack.js';

const consoleDir = fileURLToPath(new URL('../../web/console/dist', import.meta.url));
/** Screenshots; not committed. */
const artefacts = process.env['BROWSER_ARTEFACTS']
  ?? fileURLToPath(new URL('../../build/test/browser', import.meta.url));

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const args = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export interface World {
  readonly stack: Stack;
  /** A page of its own context; what goes wrong in it fails the test. */
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
  screenshot(page: Page, name: string): Promise<void>;
}

export function useWorld(): World {
  const directory = mkdtempSync(join(tmpdir(), 'broadcaster-browser-'));
  let stack: Stack | undefined;
  let browser: Browser | undefined;
  const complaints: string[] = [];
  const allowed = /Failed to load resource|WebSocket connection to/; // a gateway was killed, a 404

  /** Everything but the gateway's own host is an external request, which there must be none of. */
  function watch(page: Page): void {
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !allowed.test(message.text())) {
        complaints.push(`${message.type()}: ${message.text()}`);
      }
    });
    page.on('request', (request) => {
      if (!/^(http|ws):\/\/127\.0\.0\.1:|^data:|^about:/.test(request.url())) {
        complaints.push(`external request: ${request.url()}`);
      }
    });
  }

  beforeAll(async () => {
    mkdirSync(artefacts, { recursive: true });
    stack = await Stack.start(directory, consoleDir);
    // Pages go into the back/forward cache, as in a browser that nobody drives.
    const ignoreDefaultArgs = ['--disable-back-forward-cache'];
    browser = await chromium.launch({ executablePath, args, ignoreDefaultArgs, headless: true });
  }, 120_000);

  afterEach(async () => {
    await Promise.all((browser?.contexts() ?? []).map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  return {
    get stack() {
      return stack!;
    },
    async open(url, options = {}) {
      const context = await browser!.newContext({ locale: 'en-US', ...options });
      context.setDefaultTimeout(30_000);
      const page = await context.newPage();
      watch(page);
      await page.goto(url);
      return page;
    },
    async screenshot(page, name) {
      await page.screenshot({ path: join(artefacts, `${name}.png`), fullPage: true });
    },
  };
}

/** Polls until the value passes; for what no locator can wait for. */
export async function until<Value>(
  read: () => Promise<Value>, passes: (value: Value) => boolean, limitMs = 30_000,
): Promise<Value> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (passes(value)) {
      return value;
    }
    if (Date.now() > end) {
      throw new Error(`still ${JSON.stringify(value)} after ${limitMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
