// SPDX-License-Identifier: MIT
/** The console in a real browser, against real gateways. */
import axeCore from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { clarification, largeScoreboard, scoreboard, verdict } from './events.js';
import { until, useWorld } from './setup.js';

const world = useWorld();
const contest = () => world.stack.at.contest;
const tokenOf = (user: string) => world.stack.at.tokens[user]!;

const liveOf = (user: string, port?: number) =>
  world.stack.page(`live?channel=/contest/${contest()}&token=${tokenOf(user)}`, port);

const section = (page: Page, name: string | RegExp) => page.getByRole('region', { name });

/** What axe-core finds: the rule and the first place. */
async function axe(page: Page): Promise<string[]> {
  // By the inspector, not by a script element, which the page's policy forbids.
  await page.evaluate(axeCore.source);
  return page.evaluate(async () => {
    const { run } = (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }).axe;
    const { violations } = await run();
    return violations.map((one) => `${one.id}: ${one.nodes[0]?.html.slice(0, 150)}`);
  });
}

async function isWatching(page: Page): Promise<void> {
  await page.getByText('watching', { exact: true }).waitFor();
}

describe('Live', () => {
  test('who logs in and watches a contest sees its verdict, scoreboard and clarification', async () => {
    const page = await world.open(world.stack.page());
    await page.getByLabel('Token', { exact: true }).fill(tokenOf('ana'));
    await page.keyboard.press('Enter');
    await page.getByText('Logged in as ana').waitFor();
    await page.getByLabel('Contest or channel').fill(contest());
    await page.getByRole('button', { name: 'Watch', exact: true }).click();
    await isWatching(page);

    await world.stack.post(verdict(contest(), 1, { verdict: 'WA', contest_score: 0 }));
    await world.stack.post(scoreboard(contest(), [['ana', 0], ['beto', 0]]));
    await world.stack.post(clarification(contest(), 1));
    await section(page, 'Verdicts').getByText('WA', { exact: true }).waitFor();
    await section(page, 'Clarifications').getByText('May the input be empty?').waitFor();
    await section(page, 'Clarifications').getByText('not answered yet').waitFor();
    const table = page.getByRole('table');
    expect(await table.getByRole('rowheader').allInnerTexts()).toEqual(['ana', 'beto']);

    await world.stack.post(scoreboard(contest(), [['beto', 150], ['ana', 0]]));
    await table.getByText('up 1').waitFor();
    expect((await table.getByRole('rowheader').allInnerTexts())[0]).toContain('beto');
    await world.stack.post(clarification(contest(), 1, { answer: 'No.' }));
    await section(page, 'Clarifications').getByText(/Answer:\s*No\./).waitFor();
    expect(await section(page, 'Clarifications').getByRole('listitem').count()).toBe(1);
  });

  test('tells the position, the latency, and the events of each channel', async () => {
    const page = await world.open(liveOf('ana'));
    await isWatching(page);
    await world.stack.post(verdict(contest(), 2));
    await section(page, 'Verdicts').getByText(/≤ [\d.,]+ m?s/).waitFor();
    await section(page, 'Verdicts').getByText(/here → screen\s*[\d.,]+ ms/).waitFor();
    const facts = await page.locator('.channels li').innerText();
    expect(facts).toMatch(/Position\s+\w+:\d+/);
    expect(facts).toMatch(/Events\s+1/);
  });

  test('the token leaves the address and stays in the tab', async () => {
    const page = await world.open(liveOf('ana'));
    await page.getByText('Logged in as ana').waitFor();
    expect(page.url()).not.toContain('token');
    expect(page.url()).toContain(`channel=/contest/${contest()}`);
    await page.reload();
    await isWatching(page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Token', { exact: true }).waitFor();
    await page.reload();
    await page.getByText('log in to watch it').waitFor();
  });

  test('an event that comes on two channels is shown once', async () => {
    const page = await world.open(world.stack.page(
      `live?channel=${contest()}&channel=/user/ana&token=${tokenOf('ana')}`));
    await until(() => page.getByText('watching', { exact: true }).count(), (n) => n === 2);
    await world.stack.post(verdict(contest(), 3, { problem_alias: 'twice' }));
    await section(page, 'Verdicts').getByText('twice').waitFor();
    await until(() => page.locator('.channels').innerText(), (text) => (text.match(/Events\s+1/g) ?? []).length === 2);
    expect(await section(page, 'Verdicts').getByText('twice').count()).toBe(1);
  });

  test('a refused contest and a wrong token are told', async () => {
    const page = await world.open(liveOf('dora'));
    await page.getByRole('alert').getByText(`Access to /contest/${contest()} denied`).waitFor();
    await page.getByText('refused', { exact: true }).waitFor();
    await world.screenshot(page, 'live-refused');

    const stranger = await world.open(world.stack.page('live?channel=/user/ana&token=nonsense'));
    await stranger.getByRole('alert').getByText('The token was not accepted.').waitFor();
  });

  test('who was refused logs in as somebody else and gets what was asked for', async () => {
    const page = await world.open(world.stack.page(`live?channel=${contest()}`));
    await page.getByRole('alert').getByText('log in to watch it').waitFor();
    await page.getByLabel('Token', { exact: true }).fill(tokenOf('ana'));
    await page.keyboard.press('Enter');
    await isWatching(page);
    expect(await page.getByRole('alert').innerText()).toBe('');
  });

  test('an ended session is told and not taken up again by itself', async () => {
    const page = await world.open(liveOf('contestant1'));
    await isWatching(page);
    await world.stack.deauthenticate('contestant1');
    await page.getByText('Disconnected').waitFor();
    await page.getByRole('alert').getByText('Your session was ended.').waitFor();
    await page.getByRole('button', { name: 'Connect again' }).click();
    await isWatching(page);
  });

  test('a killed gateway is survived, and nothing is missed', async () => {
    await until(() => world.stack.connections(), (all) => all.every((n) => n === 0)); // of other tests
    const page = await world.open(liveOf('ana'));
    await isWatching(page);
    await world.stack.post(verdict(contest(), 100, { problem_alias: 'p-100' }));
    await section(page, 'Verdicts').getByText('p-100').waitFor();

    const now = await until(() => world.stack.connections(), (all) => all.some((n) => n === 1));
    const victim = now.indexOf(1);
    await world.stack.kill(victim);
    for (let id = 101; id <= 110; id += 1) {
      await world.stack.post(verdict(contest(), id, { problem_alias: `p-${id}` }));
    }
    await section(page, 'Verdicts').getByText('p-110').waitFor();
    const shown = await section(page, 'Verdicts').locator('.name').allInnerTexts();
    expect(shown).toEqual(Array.from({ length: 11 }, (_, n) => `p-${110 - n}`));
    const connection = await page.locator('.side').innerText();
    expect(connection).toMatch(/Reconnects\s+1/);
    expect(connection).toMatch(/Resumed without loss\s+1/);
    expect(connection).toMatch(/With gaps\s+0/);
    await world.stack.startGateway(victim);
  });

  test('a clarification is notified where the user allows it', async () => {
    const page = await world.open('about:blank');
    await page.context().grantPermissions(['notifications'], { origin: `http://127.0.0.1:${world.stack.at.shared}` });
    await page.addInitScript(() => {
      const told: unknown[] = [];
      class FakeNotification {
        static permission = 'granted';
        constructor(title: string, options: { body: string }) {
          told.push([title, options.body]);
        }
      }
      Object.assign(globalThis, { Notification: FakeNotification, told });
    });
    await page.goto(liveOf('ana'));
    await isWatching(page);
    await page.getByText('You are notified of clarifications').waitFor();
    await world.stack.post(clarification(contest(), 7, { message: 'Is 0 valid?' }));
    await section(page, 'Clarifications').getByText('Is 0 valid?').waitFor();
    expect(await page.evaluate(() => (globalThis as { told?: unknown }).told))
      .toEqual([['Clarification · sum-two', 'Is 0 valid?']]);
  });
});

describe('Board', () => {
  const board = () => world.stack.page(`board?channel=/scoreboard/${world.stack.at.scoreboard}`);
  const screens = [
    { name: '1080p-dark', viewport: { width: 1920, height: 1080 }, colorScheme: 'dark' },
    { name: '4k-light', viewport: { width: 3840, height: 2160 }, colorScheme: 'light' },
  ] as const;

  test.each(screens)('fills a projector, without a login: $name', async ({ name, viewport, colorScheme }) => {
    const page = await world.open(board(), { viewport, colorScheme });
    await page.getByText('Waiting for the next scoreboard').waitFor();
    await until(() => world.stack.connections(), (all) => all.some((n) => n !== null && n > 0));
    await until(async () => {
      await world.stack.post(largeScoreboard(contest(), 40, 12));
      return page.getByRole('heading', { name: 'Regional Final' }).count();
    }, (n) => n === 1);
    await page.getByText('Frozen').waitFor();
    const bottom = (await page.locator('tbody tr').last().boundingBox())!;
    expect(await page.locator('tbody tr').count()).toBe(30);
    expect(bottom.y + bottom.height).toBeLessThanOrEqual(viewport.height);
    expect(await page.locator('thead th.cell').allInnerTexts()).toHaveLength(12);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wider).toBeLessThanOrEqual(0);
    await world.screenshot(page, `board-${name}`);
  });

  test('moves few rows, however many change their place, and asks nobody else', async () => {
    const asked: string[] = [];
    const page = await world.open('about:blank', { viewport: { width: 1920, height: 1080 } });
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.addInitScript(() => {
      const animate = Element.prototype.animate;
      Object.assign(globalThis, { moved: 0 });
      Element.prototype.animate = function (...args) {
        (globalThis as unknown as { moved: number }).moved += 1;
        return animate.apply(this, args);
      };
    });
    await page.goto(board());
    await until(async () => {
      await world.stack.post(largeScoreboard(contest(), 500, 12));
      return page.getByText('Team 0', { exact: true }).count();
    }, (n) => n === 1);
    const before = await page.evaluate(() => (globalThis as unknown as { moved: number }).moved);
    await world.stack.post(largeScoreboard(contest(), 500, 12, 7));
    await page.getByText('Team 7', { exact: true }).first().waitFor();
    await until(() => page.locator('tbody tr').first().innerText(), (text) => text.includes('Team 7'));
    const moved = (await page.evaluate(() => (globalThis as unknown as { moved: number }).moved)) - before;
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThanOrEqual(2 * 24); // each moves and lights up
    expect(asked.filter((path) => path.startsWith('/api/'))).toEqual([]);
  });

  test('a name that is no channel is refused with a word', async () => {
    const page = await world.open(world.stack.page('live?channel=/contests/x'));
    await page.getByRole('alert').getByText('“/contests/x” is not a channel').waitFor();
  });
});

describe('Room', () => {
  test('two pages on two gateways hear each other, each its own on the right', async () => {
    const here = await world.open(world.stack.page('room'));
    const there = await world.open(world.stack.page('room', world.stack.at.other));
    for (const page of [here, there]) {
      await page.getByText('Connected', { exact: true }).waitFor();
    }
    await here.getByLabel('Message', { exact: true }).fill('Olá, <b>mundo</b>!');
    await here.keyboard.press('Enter');
    await section(there, 'Received broadcasts').getByText('Olá, <b>mundo</b>!').waitFor();
    await there.getByLabel('Message', { exact: true }).fill('¡Hola!');
    await there.getByRole('button', { name: 'Send' }).click();
    await section(here, 'Received broadcasts').getByText('¡Hola!').waitFor();

    const chat = here.getByRole('log');
    expect(await chat.locator('.own .words').allInnerTexts()).toEqual(['Olá, <b>mundo</b>!']);
    expect(await chat.locator('.others .words').allInnerTexts()).toEqual(['¡Hola!']);
    const own = (await chat.locator('.own .words').boundingBox())!;
    const others = (await chat.locator('.others .words').boundingBox())!;
    expect(own.x + own.width).toBeGreaterThan(others.x + others.width);
    const numbers = await here.locator('.tiles').innerText();
    expect(numbers).toMatch(/All messages\s+2\s+Sent\s+1\s+Received\s+1\s+Time online\s+0:\d\d/);
    await world.screenshot(here, 'room');
  });

  test('disconnects and connects again when told to', async () => {
    const page = await world.open(world.stack.page('room'));
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await page.getByText('Disconnected').waitFor();
    await page.getByLabel('Message', { exact: true }).fill('nobody hears this');
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText('Connected', { exact: true }).waitFor();
  });

  test('comes back by itself after its gateway was killed', async () => {
    const page = await world.open(world.stack.page('room', world.stack.at.other));
    await page.getByText('Connected', { exact: true }).waitFor();
    await world.stack.kill(2);
    await page.getByText('Connection lost').waitFor();
    await world.stack.startGateway(2);
    await page.getByText('Connected', { exact: true }).waitFor();
  });
});

describe('Gateway', () => {
  test('plots what the gateway does', async () => {
    const watcher = await world.open(liveOf('ana', world.stack.at.other));
    await isWatching(watcher);
    const page = await world.open(world.stack.page('gateway', world.stack.at.other));
    await page.getByRole('img', { name: /^Connections: now [1-9]/ }).waitFor();
    await world.stack.post(verdict(contest(), 200));
    await page.getByRole('img', { name: /^Messages per second: now .*, highest [\d.]*[1-9]/ }).waitFor();
    await page.getByRole('img', { name: /^Loop lag: now [\d.]+ ms/ }).waitFor();
    await page.getByText('connected', { exact: true }).waitFor();
    await world.screenshot(page, 'gateway');
  });
});

describe('the page', () => {
  const sights = [
    { name: 'wide-light', viewport: { width: 1400, height: 900 }, colorScheme: 'light' },
    { name: 'wide-dark', viewport: { width: 1400, height: 900 }, colorScheme: 'dark' },
    { name: 'tablet-light', viewport: { width: 820, height: 1000 }, colorScheme: 'light' },
    { name: 'narrow-light', viewport: { width: 360, height: 740 }, colorScheme: 'light' },
    { name: 'narrow-dark', viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
  ] as const;

  test.each(sights)('is readable: $name', async ({ name, viewport, colorScheme }) => {
    const page = await world.open(liveOf('ana'), { viewport, colorScheme });
    await isWatching(page);
    for (const [id, result] of ['AC', 'WA', 'PA', 'TLE', 'JE'].entries()) {
      await world.stack.post(verdict(contest(), 300 + id, { verdict: result }));
    }
    await world.stack.post(clarification(contest(), 30));
    await world.stack.post(clarification(contest(), 31, { answer: 'Read the statement.' }));
    await world.stack.post(scoreboard(contest(), [['ana', 90], ['beto', 20], ['a-contestant-with-a-long-name', 0]]));
    await world.stack.post(scoreboard(contest(), [['beto', 180], ['ana', 90], ['a-contestant-with-a-long-name', 0]]));
    await page.getByRole('table').getByText('180').waitFor();
    for (const view of ['Live', 'Room', 'Gateway']) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      if (view === 'Gateway') {
        await page.getByRole('img').first().waitFor();
      }
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wider, `${view} scrolls sideways`).toBeLessThanOrEqual(0);
      await world.screenshot(page, `${name}-${view.toLowerCase()}`);
    }
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red = 0] = background.match(/\d+/g)!.map(Number);
    expect(red < 100).toBe(colorScheme === 'dark');
  });

  test.each([['pt-BR', 'Eventos ao vivo', 'Entrar'], ['es-MX', 'Eventos en vivo', 'Entrar'],
    ['fr-FR', 'Live events', 'Log in']])('speaks %s', async (locale, title, logIn) => {
    const page = await world.open(world.stack.page(), { locale });
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    await page.getByRole('button', { name: logIn }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(locale === 'fr-FR' ? 'en' : locale);
  });

  test('can be used without a mouse', async () => {
    const page = await world.open(world.stack.page());
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('MAIN');
    await page.keyboard.press('Shift+Tab'); // the API's link
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Room' }).waitFor();
    await until(() => page.evaluate(() => document.activeElement?.tagName), (tag) => tag === 'MAIN');
    expect(await page.title()).toBe('Room · Broadcaster');
  });

  test('has no fault that axe finds', async () => {
    const page = await world.open(liveOf('ana'));
    await isWatching(page);
    await world.stack.post(verdict(contest(), 400));
    await world.stack.post(clarification(contest(), 40));
    await world.stack.post(largeScoreboard(contest(), 5, 3));
    await page.getByRole('table').waitFor();
    const faults: Record<string, unknown> = { live: await axe(page) };
    for (const view of ['Room', 'Gateway', 'API']) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      faults[view] = await axe(page);
    }
    const board = await world.open(world.stack.page('board'));
    faults['board'] = await axe(board);
    expect(faults).toEqual({ live: [], Room: [], Gateway: [], API: [], board: [] });
  });

  test('every control has a name', async () => {
    const page = await world.open(liveOf('ana'));
    await isWatching(page);
    for (const view of ['Live', 'Room', 'Gateway']) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      const nameless = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLInputElement>('button, a, input, textarea')]
          .filter((one) => !(one.labels?.length || one.ariaLabel || one.textContent?.trim()))
          .map((one) => one.outerHTML));
      expect(nameless).toEqual([]);
    }
  });
});

describe('API', () => {
  const docs = () => new URL('/docs', world.stack.page()).href;

  test('shows both interfaces and lets them be tried', async () => {
    const page = await world.open(docs());
    const events = section(page, 'WebSocket /events/');
    await events.getByRole('button', { name: 'Connect' }).click();
    await events.getByText(/^• connected to ws:/).waitFor();
    await events.getByLabel('Message').fill('{"type":"ping","id":7}');
    await events.getByRole('button', { name: 'Send' }).click();
    await events.getByText('← {"type":"pong","id":7}').waitFor();

    const gateway = section(page, 'HTTP: gateway');
    await gateway.getByText('GET / ').first().click();
    await gateway.getByRole('button', { name: 'Send' }).first().click();
    await gateway.getByText('"service":"broadcaster-gateway"').waitFor();

    await section(page, 'HTTP: publisher').getByText('/broadcast/').first().click();
    await section(page, 'HTTP: publisher').getByText(/^curl --cert .*run_update/).waitFor();
    await world.screenshot(page, 'docs');
  });

  test('fits a small screen in dark mode, in Portuguese', async () => {
    const page = await world.open(docs(), {
      viewport: { width: 360, height: 700 }, colorScheme: 'dark', locale: 'pt-BR',
    });
    await page.getByText('O que um cliente envia').first().waitFor();
    for (const entry of await page.locator('summary').all()) {
      await entry.click();
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await world.screenshot(page, 'docs-360-dark');
  });
});
