// SPDX-License-Identifier: MIT
/** The JavaScript that the reference pages print, in a browser, as printed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { until, useWorld } from './setup.js';

const world = useWorld();

function snippet(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../fixtures/reference/${name}`, import.meta.url)), 'utf8');
}

/** What the pages leave to their reader. */
const HANDLERS = `
  const getAuthToken = () => authToken;
  const scheduleReconnect = () => report('scheduleReconnect');
  const handleRunUpdate = (data) => report('run_update', data);
  const handleScoreboardUpdate = (data) => report('scoreboard_update', data);
  const handleClarification = (data) => report('clarification', data);
  const handleContestUpdate = (data) => report('contest_update', data);
  const onAuthSuccess = () => { report('auth_success'); channels.forEach(subscribe); };
  const onSubscribed = (channel) => report('subscribed', channel);
`;

const RECONNECTION_REST = `
  EventConnection.prototype.authenticate = function () {
    this.ws.send(JSON.stringify({type: 'auth', token: authToken}));
  };
  EventConnection.prototype.subscribe = function (channel) {
    this.ws.send(JSON.stringify({type: 'subscribe', channel}));
  };
  EventConnection.prototype.onMessage = function (event) {
    const message = JSON.parse(event.data);
    if (message.type !== 'position') report(message.type, message.channel);
  };
  const connection = new EventConnection();
  channels.forEach((channel) => connection.subscriptions.add(channel));
  connection.connect();
`;

/** Runs the text in a page of the gateway's own origin. Its policy is not in the way of tests. */
async function run(port: number, text: string, constants: Record<string, unknown>): Promise<Page> {
  const page = await world.open(`http://127.0.0.1:${port}/`);
  const all = { EVENTS_URL: `ws://127.0.0.1:${port}/events/`, ...constants };
  const lines = Object.entries(all).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`);
  await page.evaluate(`globalThis.reports = [];
    (() => {
      const report = (...what) => reports.push(what);
      ${lines.join('\n')}
      ${text}
    })();`);
  return page;
}

const reports = (page: Page) => page.evaluate(() => (globalThis as unknown as { reports: unknown[][] }).reports);

async function waitForReports(page: Page, n: number): Promise<unknown[][]> {
  return until(() => reports(page), (all) => all.length >= n);
}

const contestChannel = () => `/contest/${world.stack.at.contest}`;
const contestant = () => world.stack.at.tokens['contestant1']!;

test('connection, authentication, subscription, and the four events', async () => {
  const page = await run(world.stack.at.shared, HANDLERS + snippet('realtime.js'),
    { authToken: contestant(), channels: [contestChannel()] });
  expect(await waitForReports(page, 2)).toEqual([['auth_success'], ['subscribed', contestChannel()]]);
  const events = Object.values(world.stack.at.reference);
  for (const event of events) {
    await world.stack.post(event);
  }
  expect((await waitForReports(page, 2 + events.length)).slice(2))
    .toEqual(events.map((event) => [event.type, event.data]));
});

test('a scoreboard token subscribes without authentication', async () => {
  const page = await run(world.stack.at.shared, `
    const ws = new WebSocket(EVENTS_URL);
    ws.onopen = () => { ${snippet('scoreboard.js')} };
    ws.onmessage = (event) => report(JSON.parse(event.data).type);`,
  { scoreboardToken: world.stack.at.scoreboard });
  expect(await waitForReports(page, 1)).toEqual([['subscribed']]);
  await world.stack.post(world.stack.at.reference['scoreboard_update']!);
  expect((await waitForReports(page, 2))[1]).toEqual(['scoreboard_update']);
});

test('the reconnection logic finds a gateway that was started again', async () => {
  const port = world.stack.at.other;
  const channels = [contestChannel(), '/user/contestant1'];
  const page = await run(port, snippet('reconnection.js') + RECONNECTION_REST,
    { authToken: contestant(), channels });
  const greeting = [['auth_success', null], ...channels.map((channel) => ['subscribed', channel])];
  const bySort = (all: unknown[][]) => all.map((one) => JSON.stringify(one)).sort();
  expect(bySort(await waitForReports(page, 3))).toEqual(bySort(greeting));
  await world.stack.kill(2);
  await world.stack.startGateway(2);
  expect(bySort((await waitForReports(page, 6)).slice(3))).toEqual(bySort(greeting));
  await world.stack.post(world.stack.at.reference['run_update']!);
  expect(bySort((await waitForReports(page, 8)).slice(6)))
    .toEqual(bySort(channels.map((channel) => ['run_update', channel])));
});
