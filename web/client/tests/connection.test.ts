// SPDX-License-Identifier: MIT
/** EventConnection over WebSocket: states, backoff, resuming, liveness, the page. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection, type ConnectionOptions, type ConnectionState } from '../src/index.js';
import { event, FakeGateway, FakePage, settle } from './fakes.js';

const A = '/contest/a';

function setup(options: ConnectionOptions = {}) {
  const gateway = new FakeGateway({ fetch: null, ...options });
  const connection = new EventConnection(gateway.options);
  const states: ConnectionState[] = [];
  const events: string[] = [];
  const resets: string[] = [];
  const errors: string[] = [];
  connection.on('status', ({ state }) => state !== states.at(-1) && states.push(state));
  connection.on('event', ({ channel, id }) => void events.push(`${channel} ${id}`));
  connection.on('reset', (channel) => void resets.push(channel));
  connection.on('error', (error) =>
    void errors.push(`${error.code} ${'channel' in error ? error.channel : ''}`.trim()));
  return { gateway, connection, states, events, resets, errors };
}

/** Connected, subscribed to A at E:5, and stable. */
function open(options: ConnectionOptions = {}) {
  const all = setup(options);
  all.connection.subscribe(A);
  all.connection.connect('T');
  all.gateway.socket.accept().confirmAuth();
  all.gateway.socket.confirm(A, 'E:5');
  vi.advanceTimersByTime(10_000);
  return all;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('connecting', () => {
  it('starts idle, and opens the socket within connect()', () => {
    const { connection, gateway, states } = setup();
    expect(connection.state).toBe('idle');
    connection.connect('T');
    expect(gateway.sockets.map(({ url }) => url)).toEqual(['wss://judge.test/events/']);
    gateway.socket.accept();
    expect(states).toEqual(['connecting', 'open']);
    expect(connection.status).toMatchObject({ state: 'open', transport: 'websocket' });
  });

  it('authenticates first, then subscribes, without waiting', () => {
    const { connection, gateway } = setup();
    connection.subscribe(A);
    connection.connect('T');
    gateway.socket.accept();
    expect(gateway.socket.sent).toEqual([
      { type: 'auth', token: 'T', id: '1' }, { type: 'subscribe', channel: A, id: '2' },
    ]);
    gateway.socket.confirmAuth('ana');
    expect(connection.status.username).toBe('ana');
  });

  it('sends no auth without a token', () => {
    const { connection, gateway } = setup();
    connection.subscribe('/scoreboard/T');
    connection.connect();
    gateway.socket.accept();
    expect(gateway.socket.sent.map(({ type }) => type)).toEqual(['subscribe']);
  });

  it('asks an async token function before every connection', async () => {
    const token = vi.fn().mockResolvedValueOnce('T1').mockResolvedValueOnce('T2');
    const { connection, gateway } = setup({ token });
    connection.connect();
    expect(gateway.sockets).toHaveLength(0);
    await settle();
    gateway.socket.accept();
    expect(gateway.socket.last('auth')['token']).toBe('T1');
    gateway.socket.drop();
    await vi.advanceTimersByTimeAsync(500);
    gateway.socket.accept();
    expect(gateway.socket.last('auth')['token']).toBe('T2');
    expect(token.mock.calls).toEqual([['connect'], ['connect']]);
  });

  it('reports a token function that fails, and tries again later', async () => {
    const token = vi.fn().mockRejectedValueOnce(new Error('no session')).mockResolvedValue('T');
    const { connection, gateway, errors, states } = setup({ token });
    connection.connect();
    await settle();
    expect([errors, states]).toEqual([['token_failed'], ['connecting', 'waiting']]);
    await vi.advanceTimersByTimeAsync(500);
    expect(gateway.sockets).toHaveLength(1);
  });

  it('gives up a try that takes 10 s', () => {
    const { connection, gateway } = setup();
    connection.connect('T');
    vi.advanceTimersByTime(9_999);
    expect(connection.state).toBe('connecting');
    vi.advanceTimersByTime(1);
    expect(connection.state).toBe('waiting');
    expect(gateway.socket.closedWith).toBe(1000);
  });

  it('survives a constructor that throws', () => {
    const { connection } = setup({
      WebSocket: class {
        constructor() {
          throw new SyntaxError('forbidden');
        }
      } as never,
    });
    connection.connect('T');
    expect(connection.state).toBe('waiting');
  });

  it('needs an address outside a page', () => {
    expect(() => new EventConnection().connect('T')).toThrow(TypeError);
  });

  it('takes the page\'s gateway and the global WebSocket by default', () => {
    const gateway = new FakeGateway();
    vi.stubGlobal('location', { href: 'https://judge.test/arena/a' });
    vi.stubGlobal('WebSocket', gateway.options.WebSocket);
    const connection = new EventConnection();
    connection.connect('T');
    expect(gateway.socket.url).toBe('wss://judge.test/events/');
    connection.close();
  });

  it('with another token authenticates anew on the open connection', () => {
    const { connection, gateway } = open();
    connection.connect('T');
    expect(gateway.socket.ofType('auth')).toHaveLength(1);
    connection.connect('T2');
    expect(gateway.sockets).toHaveLength(1);
    expect(gateway.socket.last('auth')['token']).toBe('T2');
  });
});

describe('reconnecting', () => {
  it('backs off with full jitter from 1 s to 30 s', () => {
    const { connection, gateway } = setup();
    connection.connect('T');
    const delays: number[] = [];
    for (let turn = 0; turn < 7; turn += 1) {
      gateway.socket.drop();
      delays.push(connection.status.retryInMs ?? -1);
      const before = gateway.sockets.length;
      vi.advanceTimersByTime(delays.at(-1)! - 1);
      expect(gateway.sockets).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(gateway.sockets).toHaveLength(before + 1);
    }
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect(connection.reconnectAttempts).toBe(7);
  });

  it('resets the counter only after the connection held for 10 s', () => {
    const { connection, gateway } = setup();
    connection.connect('T');
    gateway.socket.drop();
    vi.advanceTimersByTime(500);
    gateway.socket.accept();
    vi.advanceTimersByTime(9_999);
    gateway.socket.drop();
    expect(connection.status.retryInMs).toBe(1000);
    vi.advanceTimersByTime(1000);
    gateway.socket.accept().confirmAuth();
    vi.advanceTimersByTime(10_000);
    expect(connection.status.attempts).toBe(0);
    gateway.socket.drop();
    expect(connection.status.retryInMs).toBe(500);
  });

  it('honours another longest delay', () => {
    const { connection, gateway } = setup();
    connection.maxReconnectDelay = 600;
    connection.connect('T');
    gateway.socket.drop();
    expect(connection.status.retryInMs).toBe(300);
    expect(connection.maxReconnectDelay).toBe(600);
  });

  it.each([1000, 1001, 1006, 1012, 4008])('comes back after %i', (code) => {
    const { connection, gateway } = open();
    gateway.socket.drop(code);
    expect(connection.status).toMatchObject({ state: 'waiting', closeCode: code });
    vi.advanceTimersByTime(500);
    expect(gateway.sockets).toHaveLength(2);
  });

  it('waits longer after "overload, try later"', () => {
    const { connection, gateway } = open();
    gateway.socket.drop(1013);
    expect(connection.status.retryInMs).toBe(4000);
  });

  it.each([4000, 4001, 4003, 4004, 4099])('never comes back by itself after %i', (code) => {
    const page = new FakePage();
    const { connection, gateway, errors } = open();
    gateway.socket.drop(code, 'why');
    expect(connection.status).toMatchObject({ state: 'closed', closeCode: code });
    expect(errors).toEqual(['closed']);
    page.online();
    page.show();
    connection.subscribe('/user/ana');
    vi.advanceTimersByTime(3_600_000);
    expect(gateway.sockets).toHaveLength(1);
    expect([vi.getTimerCount(), page.listeners]).toEqual([0, 0]);
  });

  it('after 4001 connect() with another token opens and resumes', () => {
    const { connection, gateway } = open();
    gateway.socket.drop(4001);
    connection.connect('T2');
    gateway.socket.accept();
    expect(gateway.socket.last('auth')['token']).toBe('T2');
    expect(gateway.socket.last('subscribe', A)['position']).toBe('E:5');
  });

  it('an unused connection that the gateway ends stays ended until there is a channel', () => {
    const { connection, gateway } = setup();
    connection.connect();
    gateway.socket.accept().drop(1008);
    vi.advanceTimersByTime(60_000);
    expect([connection.state, gateway.sockets.length]).toEqual(['idle', 1]);
    connection.subscribe(A);
    expect([connection.state, gateway.sockets.length]).toEqual(['connecting', 2]);
  });

  it('tries at once when the network is back or the page is shown, not when it is hidden', () => {
    const page = new FakePage();
    const { connection, gateway } = open();
    gateway.socket.drop();
    page.hide();
    expect(connection.state).toBe('waiting');
    page.show();
    expect([connection.state, gateway.sockets.length]).toEqual(['connecting', 2]);
    gateway.socket.drop();
    page.online();
    expect([connection.state, gateway.sockets.length]).toEqual(['connecting', 3]);
    vi.advanceTimersByTime(5_000);
    expect(gateway.sockets).toHaveLength(3);
  });
});

describe('positions', () => {
  it('resumes from the newest position of any message', () => {
    const { gateway, connection } = open();
    const resumeFrom = () => {
      gateway.socket.drop();
      vi.advanceTimersByTime(connection.status.retryInMs ?? 0);
      gateway.socket.accept();
      return gateway.socket.last('subscribe', A)['position'];
    };
    expect(resumeFrom()).toBe('E:5');
    gateway.socket.confirm(A);
    gateway.socket.say(event(A, 6));
    expect(resumeFrom()).toBe('E:6');
    gateway.socket.confirm(A);
    gateway.socket.say({ type: 'position', channel: A, position: 'E:40' });
    expect(resumeFrom()).toBe('E:40');
    gateway.socket.confirm(A);
    gateway.socket.say({ type: 'reset', channel: A, position: 'E2:0' });
    expect(resumeFrom()).toBe('E2:0');
    gateway.socket.confirm(A, 'E3:7', false);
    expect(resumeFrom()).toBe('E3:7');
  });

  it('a replay goes on from the position asked, even when it breaks off', () => {
    const { gateway, events } = open();
    gateway.socket.drop();
    vi.advanceTimersByTime(500);
    gateway.socket.accept().confirm(A);
    gateway.socket.say(event(A, 6));
    gateway.socket.drop();
    vi.advanceTimersByTime(1000);
    gateway.socket.accept();
    expect(gateway.socket.last('subscribe', A)['position']).toBe('E:6');
    gateway.socket.confirm(A);
    gateway.socket.say(event(A, 7));
    expect(events).toEqual([`${A} id-6`, `${A} id-7`]);
  });

  it('says reset when the gateway does, or could not recover, and not on a first subscribe', () => {
    const onReset = vi.fn();
    const { gateway, resets, connection } = open({ onReset });
    connection.subscribe('/user/ana');
    gateway.socket.confirm('/user/ana', 'E:1', false);
    expect(resets).toEqual([]);
    gateway.socket.say({ type: 'reset', channel: A, position: 'E2:0' });
    expect(resets).toEqual([A]);
    gateway.socket.drop();
    vi.advanceTimersByTime(500);
    gateway.socket.accept().confirm(A, 'E3:0', false);
    gateway.socket.confirm('/user/ana', 'E:1', true);
    expect(resets).toEqual([A, A]);
    expect(onReset.mock.calls).toEqual([[A], [A]]);
  });

  it('tells of every confirmed channel whether it was recovered', () => {
    const { connection, gateway } = open();
    const told: unknown[] = [];
    connection.on('subscribed', (...what) => void told.push(what));
    gateway.socket.drop();
    vi.advanceTimersByTime(500);
    gateway.socket.accept().confirm(A);
    connection.subscribe('/user/ana');
    gateway.socket.confirm('/user/ana');
    expect(told).toEqual([[A, true], ['/user/ana', false]]);
  });

  it('drops an event that came before, by channel and id', () => {
    const { connection, gateway, events } = open();
    connection.subscribe('/user/ana');
    gateway.socket.confirm('/user/ana');
    gateway.socket.say(event(A, 6));
    gateway.socket.say(event('/user/ana', 6));
    gateway.socket.drop();
    vi.advanceTimersByTime(500);
    gateway.socket.accept().confirm(A);
    gateway.socket.say(event(A, 6));
    gateway.socket.say(event(A, 7));
    expect(events).toEqual([`${A} id-6`, '/user/ana id-6', `${A} id-7`]);
  });
});

describe('subscriptions', () => {
  it('subscribes and unsubscribes on the open connection', () => {
    const { connection, gateway, events } = open();
    connection.subscribe('/user/ana');
    connection.subscribe('/user/ana');
    expect(gateway.socket.ofType('subscribe')).toHaveLength(2);
    gateway.socket.confirm('/user/ana');
    connection.unsubscribe('/user/ana');
    connection.unsubscribe('/user/ana');
    expect(gateway.socket.ofType('unsubscribe')).toHaveLength(1);
    gateway.socket.say(event('/user/ana', 1));
    expect(events).toEqual([]);
    expect([...connection.subscriptions]).toEqual([A]);
  });

  it('a channel taken up again starts afresh, whatever is still on its way', () => {
    const { connection, gateway, events } = open();
    connection.unsubscribe(A);
    connection.subscribe(A);
    const { id, position } = gateway.socket.last('subscribe', A);
    expect(position).toBeUndefined();
    gateway.socket.say({ type: 'subscribed', channel: A, id: 'older', position: 'E:5' });
    gateway.socket.say(event(A, 6));
    gateway.socket.say({ type: 'subscribed', channel: A, id, position: 'E:6' });
    gateway.socket.say(event(A, 7));
    expect(events).toEqual([`${A} id-7`]);
  });

  it('ignores channels that nobody wanted, and text that is no message', () => {
    const { gateway, events, errors } = open();
    gateway.socket.say(event('/contest/other', 1));
    gateway.socket.say('nonsense');
    gateway.socket.say('null');
    expect([events, errors]).toEqual([[], []]);
  });

  it('tells when access is revoked, keeps the socket, and forgets the position', () => {
    const { gateway, errors, events, connection } = open();
    gateway.socket.say({ type: 'revoked', channel: A });
    gateway.socket.say(event(A, 6));
    expect([errors, events, connection.state]).toEqual([[`revoked ${A}`], [], 'open']);
    gateway.socket.drop();
    vi.advanceTimersByTime(500);
    gateway.socket.accept();
    expect(gateway.socket.last('subscribe', A)['position']).toBeUndefined();
  });
});

describe('liveness', () => {
  it('pings after 40 s of silence, and an answer keeps the connection', () => {
    const { gateway, connection } = open();
    vi.advanceTimersByTime(29_999);
    expect(gateway.socket.ofType('ping')).toHaveLength(0);
    vi.advanceTimersByTime(1);
    expect(gateway.socket.ofType('ping')).toHaveLength(1);
    gateway.socket.say({ type: 'pong', id: gateway.socket.last('ping')['id'] });
    vi.advanceTimersByTime(39_999);
    expect([connection.state, gateway.sockets.length]).toEqual(['open', 1]);
  });

  it('any message counts as life', () => {
    const { gateway } = open();
    vi.advanceTimersByTime(25_000);
    gateway.socket.say(event(A, 6));
    vi.advanceTimersByTime(39_999);
    expect(gateway.socket.ofType('ping')).toHaveLength(0);
  });

  it('drops a connection that does not answer, without waiting for its close', () => {
    const { gateway, connection } = open();
    vi.advanceTimersByTime(40_000);
    expect([connection.state, connection.status.closeCode]).toEqual(['waiting', 1006]);
    expect(gateway.sockets[0]!.closedWith).toBe(1000);
    vi.advanceTimersByTime(500);
    expect(gateway.sockets).toHaveLength(2);
  });

  it('asks at once when the page is shown again', () => {
    const page = new FakePage();
    const { gateway, connection } = open();
    page.show();
    expect(gateway.socket.ofType('ping')).toHaveLength(1);
    vi.advanceTimersByTime(10_000);
    expect(connection.state).toBe('waiting');
  });
});

describe('close()', () => {
  it.each(['connecting', 'open', 'waiting'])('leaves nothing behind when %s', (state) => {
    const page = new FakePage();
    const { connection, gateway, states, events } = setup();
    connection.subscribe(A);
    connection.connect('T');
    if (state !== 'connecting') {
      gateway.socket.accept().confirm(A);
    }
    if (state === 'waiting') {
      gateway.socket.drop();
    }
    expect(connection.state).toBe(state);
    const { socket } = gateway;
    const handler = socket.onmessage;
    connection.close();
    expect([states.at(-1), vi.getTimerCount(), page.listeners]).toEqual(['closed', 0, 0]);
    expect(socket.closedWith).toBe(1000);
    expect([socket.onopen, socket.onmessage, socket.onclose]).toEqual([null, null, null]);
    handler?.({ data: JSON.stringify(event(A, 6)) });
    expect([events, connection.subscriptions.size]).toEqual([[], 0]);
    vi.advanceTimersByTime(3_600_000);
    expect(gateway.sockets).toHaveLength(1);
  });

  it('while a token is awaited, no socket is opened afterwards', async () => {
    const { connection, gateway } = setup({ token: () => Promise.resolve('T') });
    connection.connect();
    connection.close();
    await settle();
    expect([gateway.sockets.length, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('connect() afterwards starts from nothing', () => {
    const { connection, gateway } = open();
    connection.close();
    connection.connect();
    gateway.socket.accept();
    expect(connection.state).toBe('open');
    expect(gateway.socket.ofType('subscribe')).toEqual([]);
  });

  it('keeps an error handler on a socket that is not open yet, as the ws package needs', () => {
    const { connection, gateway } = setup();
    connection.connect();
    connection.close();
    expect(gateway.socket.onerror).toBeTypeOf('function');
  });
});
