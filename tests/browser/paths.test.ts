// SPDX-License-Identifier: MIT
/** The library in Chromium on every way between a page and a gateway: no event is missed. */
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { verdict } from './events.js';
import { Middlebox, type Rules } from './middlebox.js';
import { until, useWorld } from './setup.js';
import { Site } from './site.js';

const dist = fileURLToPath(new URL('../../web/client/dist', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'broadcaster-paths-'));
/** Over what a middlebox lets through; it cannot be compressed. */
const LARGE_BYTES = 40_000;

const PAGE = `<!doctype html><title>contest</title><script type="module">
  import { EventService } from './client.js';
  globalThis.seen = { ids: [], resets: 0, transport: null, state: '' };
  globalThis.follow = async ({ address, options, channel, token }) => {
    const events = new EventService({ url: address, onReset: () => (seen.resets += 1), ...options });
    events.on('status', ({ state, transport }) => Object.assign(seen, { state, transport }));
    const subscribed = new Promise((resolve) => events.on('subscribed', resolve));
    events.subscribe(channel, ({ data }) => seen.ids.push(data.run_id));
    events.connect(token);
    await subscribed;
  };
</script>`;

const world = useWorld();
const boxes: Middlebox[] = [];
let site: Site;
let lastRun = 0;

interface Seen {
  readonly ids: readonly number[];
  readonly resets: number;
  readonly transport: string | null;
  readonly state: string;
}

beforeAll(async () => {
  cpSync(join(dist, 'broadcaster-client.min.js'), join(folder, 'client.js'));
  writeFileSync(join(folder, 'index.html'), PAGE);
  writeFileSync(join(folder, 'elsewhere.html'), '<!doctype html><title>elsewhere</title>');
  site = await Site.start(folder);
});

afterEach(() => boxes.splice(0).forEach((box) => box.close()));

afterAll(() => {
  site.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** A page that follows the contest through this port, and has begun to. */
async function follow(port: number, options: Record<string, unknown> = {}): Promise<Page> {
  const page = await world.open(site.url);
  await page.evaluate((what) => (globalThis as unknown as { follow(what: unknown): Promise<void> }).follow(what), {
    address: `ws://127.0.0.1:${port}/events/`, options,
    channel: `/contest/${world.stack.at.contest}`, token: world.stack.at.tokens['ana'],
  });
  return page;
}

const seenBy = (page: Page) => page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);

/** Posts so many verdicts; returns their numbers. */
async function post(count: number, bytes = 0): Promise<number[]> {
  const ids = Array.from({ length: count }, () => (lastRun += 1));
  for (const id of ids) {
    await world.stack.post(verdict(world.stack.at.contest, id, { source: randomBytes(bytes / 2).toString('hex') }));
  }
  return ids;
}

/** Each once, in order, and nothing was given up. */
async function expectAll(page: Page, ids: readonly number[]): Promise<Seen> {
  const seen = await until(() => seenBy(page), ({ ids: got }) => got.length >= ids.length, 60_000);
  expect([seen.ids, seen.resets]).toEqual([ids, 0]);
  return seen;
}

async function through(rules: Rules): Promise<number> {
  const box = await Middlebox.start(world.stack.at.shared, rules);
  boxes.push(box);
  return box.port;
}

test('eight tabs', async () => {
  const pages = await Promise.all(Array.from({ length: 8 }, () => follow(world.stack.at.shared)));
  const ids = await post(5);
  for (const page of pages) {
    await expectAll(page, ids);
  }
});

test('a restart of the only gateway', async () => {
  const page = await follow(world.stack.at.other);
  const before = await post(2);
  await expectAll(page, before);
  await world.stack.kill(2);
  const meanwhile = await post(2);
  await world.stack.startGateway(2);
  await expectAll(page, [...before, ...meanwhile, ...(await post(1))]);
});

test('a middlebox that strips extensions', async () => {
  const page = await follow(await through({ stripsExtensions: true }), { timing: { probeMs: 60_000 } });
  const { transport } = await expectAll(page, await post(5, 2_000));
  expect(transport).toBe('sse'); // the first compressed message ended each WebSocket
});

test('a middlebox that cuts what is large', async () => {
  const page = await follow(await through({ cutsAtBytes: 16_384 }));
  const small = await post(2);
  await expectAll(page, small);
  const { transport } = await expectAll(page, [...small, ...(await post(1, LARGE_BYTES)), ...(await post(2))]);
  expect(transport).toBe('sse');
});

test('a middlebox that buffers answers', async () => {
  const page = await follow(await through({ buffersAnswers: true }));
  const { transport } = await expectAll(page, await post(5));
  expect(transport).toBe('websocket');
});

test('a middlebox that forgets idle connections', async () => {
  const timing = { silenceMs: 3_000, answerMs: 500 };
  const page = await follow(await through({ forgetsAfterMs: 1_000 }), { timing });
  const ids: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // it is forgotten now
    ids.push(...(await post(2)));
    await expectAll(page, ids);
  }
});

test('a page out of the back/forward cache', async () => {
  const page = await follow(world.stack.at.shared);
  const before = await post(1);
  await expectAll(page, before);
  await page.goto(`${site.url}elsewhere.html`);
  const meanwhile = await post(3);
  // page.goBack() waits for a load, which there is none of.
  await page.evaluate(() => history.back()).catch(() => {});
  await page.waitForFunction(() => 'seen' in globalThis && (globalThis as unknown as { seen: Seen }).seen.ids.length > 0);
  await expectAll(page, [...before, ...meanwhile, ...(await post(1))]);
});

test('a page that was frozen', async () => {
  const page = await follow(world.stack.at.shared);
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  const ids = await post(3);
  await world.stack.kill(0);
  await world.stack.startGateway(0);
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  await expectAll(page, [...ids, ...(await post(1))]);
});
