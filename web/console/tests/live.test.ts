// SPDX-License-Identifier: MIT
/** What the Live view keeps and shows, with a gateway made of a fake socket. */
import { EventService, type ScoreboardUpdateEvent } from 'broadcaster-client';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createBoards } from '../src/live/boards.js';
import LiveView from '../src/live/LiveView.vue';
import { createLive, LIVE } from '../src/live/store.js';
import { FakeSocket, mount, settled } from './helpers.js';

const CHANNEL = '/contest/a';
const LONG = { timeout: 30_000 }; // for what surely comes

/** Draws when the test says so. */
let draws: (() => void)[] = [];
function drawFrame(): void {
  draws.splice(0).forEach((draw) => draw());
}

function start() {
  const service = new EventService({
    url: 'ws://h/events/', WebSocket: FakeSocket as never, fetch: null, random: () => 0,
  });
  return createLive({ service, requestFrame: (draw) => draws.push(draw) });
}

function watching() {
  const live = start();
  live.logIn('T');
  live.watch(CHANNEL);
  FakeSocket.last.onopen!();
  FakeSocket.last.say({ type: 'auth_success', username: 'ana', id: FakeSocket.last.lastOf('auth')['id'] });
  FakeSocket.last.confirm();
  return live;
}

const runUpdate = (id: string, guid: string, channel = CHANNEL) => ({
  type: 'run_update', channel, id, timestamp: 1, position: `E:${id}`,
  data: { guid, username: 'ana', problem_alias: 'sum', verdict: 'AC', contest_score: 100 },
});

beforeEach(() => {
  draws = [];
  FakeSocket.all = [];
  sessionStorage.clear();
});

describe('the live store', () => {
  test('follows a channel: state, position, events', () => {
    const live = watching();
    expect(live.watched.value).toMatchObject([{ name: CHANNEL, state: 'on', events: 0 }]);
    FakeSocket.last.say(runUpdate('7', 'r'));
    drawFrame();
    expect(live.watched.value).toMatchObject([{ position: 'E:7', events: 1, recovered: 0, resets: 0 }]);
    expect(live.runs.value.map((item) => item.data.guid)).toEqual(['r']);
    live.close();
  });

  test('shows an event once that comes on two channels', () => {
    const live = watching();
    live.watch('/user/ana');
    FakeSocket.last.confirm();
    FakeSocket.last.say(runUpdate('1', 'r'));
    FakeSocket.last.say(runUpdate('1', 'r', '/user/ana'));
    drawFrame();
    expect(live.runs.value.map((item) => item.channels)).toEqual([[CHANNEL, '/user/ana']]);
    expect(live.watched.value.map((one) => one.events)).toEqual([1, 1]);
    live.close();
  });

  test('counts reconnections, and channels that went on or did not', async () => {
    vi.useFakeTimers();
    const live = watching();
    for (const recovered of [true, false]) {
      FakeSocket.last.drop();
      expect(live.watched.value[0]!.state).toBe('asking');
      await vi.advanceTimersByTimeAsync(100);
      FakeSocket.last.onopen!();
      FakeSocket.last.say({ type: 'auth_success', username: 'ana', id: FakeSocket.last.lastOf('auth')['id'] });
      FakeSocket.last.confirm(recovered);
    }
    expect(live.reconnects.value).toBe(2);
    expect(live.watched.value).toMatchObject([{ state: 'on', recovered: 1, resets: 1 }]);
    live.close();
    vi.useRealTimers();
  });

  test('tells a refusal once, and asks again after a new log-in', () => {
    const live = watching();
    live.watch('/contest/b');
    const { id } = FakeSocket.last.lastOf('subscribe');
    FakeSocket.last.say({ type: 'error', error: 'forbidden', channel: '/contest/b', id, message: 'no' });
    expect(live.problems.value.map((one) => one.text)).toEqual(['Access to /contest/b denied']);
    expect(live.watched.value.map((one) => one.state)).toEqual(['on', 'refused']);
    const asked = FakeSocket.last.sent.length;
    live.logIn('U');
    expect(FakeSocket.last.sent.slice(asked).map((one) => one['type'])).toEqual(['auth', 'subscribe']);
    expect(live.problems.value).toEqual([]);
    live.close();
  });

  test('an ended session is told, and only the user connects again', () => {
    const live = watching();
    FakeSocket.last.drop(4001);
    expect(live.status.value.state).toBe('closed');
    expect(live.problems.value.map((one) => one.text)).toEqual(['Your session was ended.']);
    live.watch('/user/ana');
    expect(FakeSocket.all.length).toBe(1);
    live.connect();
    expect(FakeSocket.all.length).toBe(2);
    live.close();
  });

  test('keeps the token for the tab, until the log-out, after which one can begin anew', () => {
    const live = watching();
    expect(start().token.value).toBe('T');
    FakeSocket.last.say(runUpdate('1', 'r'));
    live.logOut();
    drawFrame();
    expect([start().token.value, live.runs.value, live.watched.value]).toEqual(['', [], []]);
    expect(FakeSocket.all[0]!.isClosed).toBe(true);
    live.watch('/contest/open');
    expect(FakeSocket.all.length).toBe(2);
    live.close();
  });
});

describe('a busy contest', () => {
  const board = (points: number) => ({
    type: 'scoreboard_update', channel: CHANNEL, id: `b${points}`, timestamp: 1,
    data: { contest_alias: 'a', ranking: [{ username: 'ana', points }] },
  });

  test('is drawn once a frame, and of its scoreboards only the newest', async () => {
    const live = watching();
    const root = mount(LiveView, {}, [[LIVE, live]]);
    let changes = 0;
    const observer = new MutationObserver(() => (changes += 1)); // called once per turn that changed anything
    for (let round = 0; round < 3; round += 1) {
      drawFrame();
      await settled();
      observer.observe(root, { childList: true, subtree: true, characterData: true });
      for (let n = 0; n < 200; n += 1) {
        FakeSocket.last.say(runUpdate(`${round}-${n}`, `r${round}-${n}`));
        FakeSocket.last.say(board(1000 * round + n + 1));
        await Promise.resolve();
      }
      expect([draws.length, changes]).toEqual([1, 0]);
      drawFrame();
      await settled();
      await settled();
      expect(changes).toBe(1);
      expect(root.querySelector('.points')!.textContent!.replace(/\D/g, '')).toBe(String(1000 * round + 200));
      expect(live.boards.value[0]!.skipped).toBe(199);
      observer.disconnect();
      changes = 0;
    }
    expect(live.watched.value[0]!.events).toBe(1200);
    live.close();
  });

  test('leaves as many nodes after ten thousand events as after a hundred', async () => {
    const live = watching();
    const root = mount(LiveView, {}, [[LIVE, live]]);
    const after = async (first: number, end: number) => {
      for (let n = first; n < end; n += 1) {
        FakeSocket.last.say({ ...runUpdate(`${n}`, `r${n}`), timestamp: Date.now() / 1000 });
        if (n % 50 === 49) {
          FakeSocket.last.say({ ...board(n), timestamp: Date.now() / 1000 });
          drawFrame();
          await settled();
        }
      }
      return root.querySelectorAll('*:not(.latency *)').length; // how long a drawing took is told later
    };
    const nodes = await after(0, 200);
    expect(await after(200, 10_000)).toBe(nodes);
    live.close();
  }, 120_000);

  test('tells how far it is behind, until nothing more comes', async () => {
    vi.useFakeTimers({ now: 1_000_000_000 });
    const live = watching();
    const say = (id: string, lateMs: number) => {
      FakeSocket.last.say({ ...runUpdate(id, id), timestamp: (Date.now() - lateMs) / 1000 });
      drawFrame();
    };
    say('1', 500_000); // this clock is 500 s ahead of the judge's
    expect(live.behindMs.value).toBe(0);
    say('2', 507_000);
    expect(live.behindMs.value).toBe(7_000);
    say('3', 500_000);
    expect(live.behindMs.value).toBe(0);
    say('4', 504_000);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(live.behindMs.value).toBe(0);
    live.close();
    vi.useRealTimers();
  });

  test('is refused no name without a word', () => {
    const live = watching();
    live.tell('x');
    live.tell('x');
    expect(live.problems.value.map((one) => one.text)).toEqual(['x']);
    live.close();
  });
});

describe('scoreboards', () => {
  const event = (data: object) =>
    ({ type: 'scoreboard_update', channel: CHANNEL, timestamp: 1, data } as ScoreboardUpdateEvent);
  const ranking = (name: string) => ({ ranking: [{ username: name, points: 1 }] });

  test('that an event brings are shown at once, contestants’ and admins’ apart', () => {
    const boards = createBoards(() => Promise.reject(new Error('not asked')));
    boards.onEvent(event({ contest_alias: 'a', ...ranking('ana') }));
    boards.onEvent(event({ contest_alias: 'a', scoreboard_type: 'admin', scoreboard: ranking('beto') }));
    boards.draw();
    expect(boards.shown.value.map((one) => [one.isAdmin, one.board!.rows[0]!.name]))
      .toEqual([[false, 'ana'], [true, 'beto']]);
  });

  test('that it only names are fetched, once at a time', async () => {
    const answers: ((value: unknown) => void)[] = [];
    const asked: string[] = [];
    const boards = createBoards((address) => {
      asked.push(address);
      return new Promise((resolve) => answers.push(resolve));
    });
    for (let n = 0; n < 3; n += 1) {
      boards.onEvent(event({ contest_alias: 'a', scoreboard_url: '/api/board' }));
      boards.draw();
    }
    expect(asked).toEqual(['/api/board']);
    answers[0]!(ranking('ana'));
    await vi.waitFor(() => expect(asked.length).toBe(2), LONG);
    answers[1]!(ranking('beto'));
    await vi.waitFor(() => expect(boards.shown.value[0]!.board!.rows[0]!.name).toBe('beto'), LONG);
    expect(asked.length).toBe(2);
  });

  test('that the judge refuses are not asked for again for a minute', async () => {
    let nowMs = 0;
    const ask = vi.fn(() => Promise.reject(new Error('404')));
    const boards = createBoards(ask, () => nowMs);
    const changed = event({ contest_alias: 'a', scoreboard_url: '/api/board' });
    boards.onEvent(changed);
    boards.draw();
    await vi.waitFor(() => expect(ask).toHaveBeenCalledTimes(1), LONG);
    await new Promise((resolve) => setTimeout(resolve));
    boards.onEvent(changed);
    boards.draw();
    expect(ask).toHaveBeenCalledTimes(1);
    expect(boards.shown.value[0]!.board).toBeNull();
    nowMs = 61_000;
    boards.onEvent(changed);
    boards.draw();
    expect(ask).toHaveBeenCalledTimes(2);
  });

  test('of other sites are never fetched', () => {
    const ask = vi.fn(() => Promise.resolve(null));
    const boards = createBoards(ask);
    boards.onEvent(event({ contest_alias: 'a', scoreboard_url: 'https://evil/board' }));
    boards.draw();
    expect(ask).not.toHaveBeenCalled();
  });
});

describe('the view', () => {
  test('shows what comes, as text', async () => {
    const live = watching();
    const root = mount(LiveView, {}, [[LIVE, live]]);
    expect(root.textContent).toContain('No verdict yet.');
    FakeSocket.last.say(runUpdate('1', 'r'));
    FakeSocket.last.say({
      type: 'clarification', channel: CHANNEL, id: '2', timestamp: 1,
      data: { clarification_id: 5, author: 'beto', message: '<img src=x>', answer: null },
    });
    FakeSocket.last.say({
      type: 'scoreboard_update', channel: CHANNEL, id: '3', timestamp: 1,
      data: { contest_alias: 'a', ranking: [{ username: 'ana', points: 100 }] },
    });
    FakeSocket.last.say({ type: 'contest_update', channel: CHANNEL, id: '4', timestamp: 1, data: { event: 'extended' } });
    drawFrame();
    await settled();
    expect(root.querySelector('.verdict')!.textContent).toBe('AC');
    expect(root.querySelector('.clarification .words')!.textContent).toBe('<img src=x>');
    expect(root.querySelector('tbody th')!.textContent).toContain('ana');
    expect(root.textContent).toContain('{"event":"extended"}');
    expect(root.querySelector('[aria-live]:nth-child(2)')!.textContent).toBe('Clarification: <img src=x>');
    live.close();
  });

  test('says what is no channel, and watches what is one', async () => {
    const live = watching();
    const root = mount(LiveView, {}, [[LIVE, live]]);
    const input = root.querySelector<HTMLInputElement>('#channel')!;
    const type = async (text: string) => {
      input.value = text;
      input.dispatchEvent(new Event('input'));
      input.form!.dispatchEvent(new Event('submit', { cancelable: true }));
      await settled();
    };
    await type('no channel!');
    expect(input.getAttribute('aria-invalid')).toBe('true');
    await type('b');
    expect(live.watched.value.map((one) => one.name)).toEqual([CHANNEL, '/contest/b']);
    expect(input.getAttribute('aria-invalid')).toBeNull();
    live.close();
  });
});
