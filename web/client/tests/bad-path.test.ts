// SPDX-License-Identifier: MIT
/** Networks that let a connection begin and then break it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection, type ClientError, type ConnectionOptions } from '../src/index.js';
import { event, FakeGateway, FakePage, settle } from './fakes.js';

const A = '/contest/a';
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function start(options: ConnectionOptions = {}) {
  const gateway = new FakeGateway(options);
  const connection = new EventConnection(gateway.options);
  const errors: ClientError[] = [];
  const events: (string | undefined)[] = [];
  connection.on('error', (error) => void errors.push(error));
  connection.on('event', ({ id }) => void events.push(id));
  connection.subscribe(A);
  connection.connect('T');
  return { gateway, connection, errors, events };
}

/** The socket speaks, and is cut at the first larger message. */
async function cut({ gateway, connection }: ReturnType<typeof start>) {
  gateway.socket.accept().confirmAuth();
  gateway.socket.confirm(A);
  gateway.socket.drop(1006);
  await wait(connection.status.retryInMs ?? 0);
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a WebSocket that breaks at some message', () => {
  it('is given up for a stream after three times within a minute', async () => {
    const all = start();
    await cut(all);
    await cut(all);
    expect(all.gateway.streams).toHaveLength(0);
    await cut(all);
    expect([all.gateway.sockets.length, all.gateway.streams.length]).toEqual([3, 1]);
  });

  it('is probed again, ever more rarely, until it has held', async () => {
    const all = start();
    const { gateway } = all;
    for (let turn = 0; turn < 3; turn += 1) {
      await cut(all);
    }
    const gaps: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      await gateway.stream.accept();
      await gateway.stream.say({ type: 'subscribed', channel: A, position: 'E:1', recovered: true });
      const before = gateway.sockets.length;
      let seconds = 0;
      while (gateway.sockets.length === before) {
        await wait(1000);
        seconds += 1;
        await gateway.stream.raw(':\n');
      }
      gaps.push(seconds);
      gateway.socket.accept().confirmAuth();
      gateway.socket.confirm(A);
      expect(all.connection.status.transport).toBe('websocket');
      gateway.socket.drop(1006); // once is enough now
      await wait(all.connection.status.retryInMs ?? 0);
      expect(gateway.sockets).toHaveLength(before + 1);
    }
    expect(gaps).toEqual([10, 20, 40, 80]);
  });

  it('is not meant when it had held: ten seconds, and a position after them', async () => {
    const all = start();
    for (let turn = 0; turn < 5; turn += 1) {
      all.gateway.socket.accept().confirmAuth();
      all.gateway.socket.confirm(A);
      await wait(10_000);
      all.gateway.socket.say(event(A, turn));
      all.gateway.socket.drop(1006);
      await wait(all.connection.status.retryInMs ?? 0);
    }
    expect([all.gateway.sockets.length, all.gateway.streams.length]).toEqual([6, 0]);
  });

  it('is not meant when the gateway says why it closes', async () => {
    const all = start();
    for (const code of [1012, 1013, 4008, 1012]) {
      all.gateway.socket.accept().confirmAuth();
      all.gateway.socket.confirm(A);
      all.gateway.socket.drop(code);
      await wait(all.connection.status.retryInMs ?? 0);
    }
    expect([all.gateway.sockets.length, all.gateway.streams.length]).toEqual([5, 0]);
  });
});

describe('a mute WebSocket', () => {
  it('is given up when its first command is not answered in time', async () => {
    const { gateway, connection } = start();
    gateway.socket.accept();
    await wait(9_999);
    expect(connection.state).toBe('open');
    await wait(1);
    expect([connection.state, gateway.sockets[0]!.closedWith]).toEqual(['waiting', 1000]);
    await wait(500);
    gateway.socket.accept();
    await wait(11_000);
    expect(gateway.streams).toHaveLength(1);
  });

  it('with nothing to ask may be silent', async () => {
    const gateway = new FakeGateway({ fetch: null });
    const connection = new EventConnection(gateway.options);
    connection.connect();
    gateway.socket.accept();
    await wait(20_000);
    expect(connection.state).toBe('open');
  });
});

describe('an address that reaches nothing', () => {
  it('is told after the second try, once, and the status says what happened', async () => {
    const { gateway, connection, errors } = start({ fetch: null });
    gateway.socket.drop();
    expect(errors).toEqual([]);
    for (let turn = 0; turn < 4; turn += 1) {
      await wait(connection.status.retryInMs ?? 0);
      gateway.socket.drop();
    }
    expect(errors.map(({ code }) => code)).toEqual(['unreachable']);
    expect(errors[0]!.message).toContain('wss://judge.test/events/');
    expect(connection.status.error).toBe(errors[0]);
    await wait(connection.status.retryInMs ?? 0);
    gateway.socket.accept().confirmAuth();
    expect(connection.status.error).toBeNull();
  });
});

describe('a stream', () => {
  it('that breaks is noticed when it breaks', async () => {
    const { gateway, connection } = start({ WebSocket: null });
    await settle();
    await gateway.stream.accept();
    await gateway.stream.say({ type: 'subscribed', channel: A, position: 'E:1' });
    await gateway.stream.tear();
    expect(connection.state).toBe('waiting');
  });
});

describe('a page', () => {
  it.each(['pageshow', 'resume'])('that comes back by %s finds out whether the connection lives', (name) => {
    const page = new FakePage();
    const { gateway } = start();
    gateway.socket.accept().confirmAuth();
    (name === 'pageshow' ? page.page : page.doc).dispatchEvent(new Event(name));
    expect(gateway.socket.ofType('ping')).toHaveLength(1);
  });

  it('leaves no listener behind, the hundredth time as the first', () => {
    const page = new FakePage();
    const gateway = new FakeGateway();
    const connection = new EventConnection(gateway.options);
    for (let turn = 0; turn < 100; turn += 1) {
      connection.connect('T');
      gateway.socket.accept();
      connection.close();
    }
    expect([page.listeners, vi.getTimerCount(), gateway.sockets.length]).toEqual([0, 0, 100]);
  });
});

describe('a time without end', () => {
  it.each([Infinity, 2 ** 31])('of %d ms means never', async (forever) => {
    const poll = vi.fn();
    const timing = {
      silenceMs: forever, pollMs: forever, probeMs: forever, stableMs: forever, handoverMs: forever,
      connectTimeoutMs: forever, answerMs: forever, maxDelayMs: forever,
    };
    const { gateway, connection } = start({ timing, poll, fetch: null });
    gateway.socket.drop();
    await wait(connection.status.retryInMs ?? 0);
    gateway.socket.drop();
    await wait(connection.status.retryInMs ?? 0);
    expect([poll.mock.calls.length, gateway.sockets.length]).toEqual([1, 3]);
    gateway.socket.accept();
    await wait(3_600_000);
    expect([connection.state, poll.mock.calls.length, gateway.sockets.length]).toEqual(['open', 1, 3]);
    connection.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('between updates keeps them until there is a reset', async () => {
    const { EventService } = await import('../src/index.js');
    const gateway = new FakeGateway({ fetch: null });
    const service = new EventService(gateway.options);
    const callback = vi.fn();
    service.subscribe(A, callback, { throttle: Infinity });
    service.connect('T');
    gateway.socket.accept().confirmAuth();
    gateway.socket.confirm(A);
    [1, 2, 3].forEach((n) => gateway.socket.say(event(A, n)));
    await wait(3000);
    expect(callback).toHaveBeenCalledTimes(1);
    gateway.socket.say({ type: 'reset', channel: A, position: 'F:0' });
    expect(callback).toHaveBeenCalledTimes(3);
  });
});

it('a polling function that never answers is asked again', async () => {
  const poll = vi.fn(() => new Promise(() => {}));
  const { errors, connection } = start({ WebSocket: null, fetch: null, poll });
  await wait(30_000);
  expect([poll.mock.calls.length, errors.map(({ code }) => code)]).toEqual([2, ['poll_failed']]);
  connection.close();
  expect(vi.getTimerCount()).toBe(0);
});

it('a listener given twice is taken back once', () => {
  const connection = new EventConnection(new FakeGateway().options);
  const listener = vi.fn();
  const off = connection.on('status', listener);
  connection.on('status', listener);
  off();
  connection.connect();
  expect(listener).toHaveBeenCalledTimes(1);
});
