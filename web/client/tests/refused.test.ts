// SPDX-License-Identifier: MIT
/** Channels that the gateway refuses: nobody hammers, nobody is left without a word. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection, EventService, type ClientError, type ConnectionOptions } from '../src/index.js';
import { event, FakeGateway, FakePage, settle } from './fakes.js';

const A = '/contest/a';
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** All channels are refused, and the gateway has ended the connection that nobody uses. */
function unwelcome(options: ConnectionOptions = {}) {
  const page = new FakePage();
  const gateway = new FakeGateway({ fetch: null, ...options });
  const connection = new EventConnection(gateway.options);
  connection.subscribe(A);
  connection.connect();
  gateway.socket.accept();
  gateway.socket.refuse(A, 'unauthorized');
  vi.advanceTimersByTime(30_000);
  gateway.socket.drop(1008);
  return { page, gateway, connection };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a client all of whose channels are refused', () => {
  it('tries after 1, 2, 4 … 15 minutes with full jitter', () => {
    const { gateway, connection } = unwelcome();
    const delays: (number | null)[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      const { retryInMs } = connection.status;
      delays.push(retryInMs);
      vi.advanceTimersByTime(retryInMs! - 1);
      expect(gateway.sockets).toHaveLength(turn + 1);
      vi.advanceTimersByTime(1);
      gateway.socket.accept();
      gateway.socket.refuse(A, 'unauthorized');
      vi.advanceTimersByTime(30_000);
      gateway.socket.drop(1008);
    }
    expect(delays).toEqual([30_000, 60_000, 120_000, 240_000, 450_000, 450_000]);
  });

  it('does not hurry for a page that is shown, or a short time without network', () => {
    const { page, gateway } = unwelcome();
    page.show();
    page.offline();
    vi.advanceTimersByTime(10_000);
    page.online();
    expect(gateway.sockets).toHaveLength(1);
  });

  it.each<[string, (all: ReturnType<typeof unwelcome>) => void]>([
    ['another channel', ({ connection }) => connection.subscribe('/user/ana')],
    ['a new subscriber of the same', ({ connection }) => connection.subscribe(A)],
    ['connect()', ({ connection }) => connection.connect()],
    ['another token', ({ connection }) => connection.connect('T')],
  ])('tries at once for %s', (_name, act) => {
    const all = unwelcome();
    act(all);
    expect(all.gateway.sockets).toHaveLength(2);
  });

  it.each([[59_999, 1], [60_000, 2]])('without network for %i ms has dialled %i times', (ms, sockets) => {
    const { page, gateway, connection } = unwelcome();
    vi.advanceTimersByTime(30_000);
    gateway.socket.accept();
    gateway.socket.refuse(A, 'unauthorized');
    gateway.socket.drop(1008);
    vi.advanceTimersByTime(60_000);
    gateway.socket.accept();
    gateway.socket.refuse(A, 'unauthorized');
    gateway.socket.drop(1008); // waits for two minutes now
    const before = gateway.sockets.length;
    page.offline();
    vi.advanceTimersByTime(ms);
    page.online();
    expect([gateway.sockets.length, connection.state]).toEqual(
      [before + sockets - 1, sockets === 1 ? 'waiting' : 'connecting']);
  });

  it('starts from a minute again once a channel was granted', () => {
    const { gateway, connection } = unwelcome();
    vi.advanceTimersByTime(30_000);
    gateway.socket.accept();
    gateway.socket.confirm(A);
    gateway.socket.say({ type: 'revoked', channel: A });
    gateway.socket.drop(1008);
    expect(connection.status.retryInMs).toBe(30_000);
  });

  it('over a stream as well', async () => {
    const gateway = new FakeGateway({ WebSocket: null });
    const connection = new EventConnection(gateway.options);
    connection.subscribe(A);
    connection.connect();
    await settle();
    await gateway.stream.accept();
    await gateway.stream.say({ type: 'error', error: 'forbidden', channel: A });
    await gateway.stream.end();
    expect(connection.status).toMatchObject({ state: 'waiting', retryInMs: 30_000, refused: [A] });
  });
});

describe('a new subscriber of a refused channel', () => {
  function refusedOnce() {
    const gateway = new FakeGateway({ fetch: null });
    const service = new EventService(gateway.options);
    service.connect('T');
    gateway.socket.accept().confirmAuth();
    service.subscribe(A, vi.fn());
    gateway.socket.refuse(A, 'forbidden');
    return { gateway, service, socket: gateway.socket };
  }

  it('is told the known answer, and only that one is', async () => {
    const { service, socket } = refusedOnce();
    const errors: ClientError[] = [];
    const others = vi.fn();
    service.on('error', others);
    service.subscribe(A, vi.fn(), { onError: (error) => void errors.push(error) });
    await settle();
    expect(errors).toEqual([{ code: 'forbidden', channel: A, message: 'forbidden' }]);
    expect(others).not.toHaveBeenCalled();
    expect(socket.ofType('subscribe')).toHaveLength(1);
  });

  it('asks again when some time has passed, and gets the events of a contest that has begun', async () => {
    const { service, socket } = refusedOnce();
    const [callback, onError] = [vi.fn(), vi.fn()];
    expect(service.status.refused).toEqual([A]);
    await wait(5_000);
    service.subscribe(A, callback, { onError });
    service.subscribe(A, vi.fn());
    expect(socket.ofType('subscribe')).toHaveLength(2);
    socket.confirm(A);
    socket.say(event(A, 1));
    expect([callback.mock.calls.length, onError.mock.calls.length]).toEqual([1, 0]);
    expect(service.status.refused).toEqual([]);
  });

  it('asks again after access ended', async () => {
    const { service, socket, gateway } = refusedOnce();
    await wait(5_000);
    service.subscribe(A, vi.fn());
    socket.confirm(A);
    socket.say({ type: 'revoked', channel: A });
    expect(service.connection.errorOf(A)?.code).toBe('revoked');
    await wait(5_000);
    service.subscribe(A, vi.fn());
    expect(gateway.socket.ofType('subscribe')).toHaveLength(3);
  });

  it('over a stream opens another one', async () => {
    const gateway = new FakeGateway({ WebSocket: null });
    const connection = new EventConnection(gateway.options);
    connection.subscribe(A);
    connection.subscribe('/user/ana');
    connection.connect();
    await settle();
    await gateway.stream.accept();
    await gateway.stream.say({ type: 'subscribed', channel: '/user/ana', position: 'E:1' });
    await gateway.stream.say({ type: 'error', error: 'forbidden', channel: A });
    await wait(5_000);
    connection.subscribe(A);
    await wait(100);
    expect(gateway.streams.map(({ channels }) => channels)).toEqual([[A, '/user/ana'], [A, '/user/ana']]);
  });
});

describe('a refused stream', () => {
  it.each([400, 403, 414, 429, 431])('tells status %i and its sentence, once', async (status) => {
    const gateway = new FakeGateway({ WebSocket: null });
    const connection = new EventConnection(gateway.options);
    const errors: ClientError[] = [];
    connection.on('error', (error) => void errors.push(error));
    connection.subscribe(A);
    connection.connect();
    await settle();
    await gateway.stream.refuse(status, 'the origin is not allowed\n');
    const told = { code: 'stream_refused', status, message: `status ${status}: the origin is not allowed` };
    expect(errors).toEqual([told]);
    expect(connection.status.error).toEqual(told);
    await wait(1000);
    await gateway.stream.refuse(status, 'the origin is not allowed\n');
    expect(errors.map(({ code }) => code)).toEqual(['stream_refused', 'unreachable']);
  });

  it('that is a page is called so', async () => {
    const gateway = new FakeGateway({ WebSocket: null });
    const connection = new EventConnection(gateway.options);
    connection.subscribe(A);
    connection.connect();
    await settle();
    await gateway.stream.accept('text/html; charset=utf-8');
    expect(connection.status.error?.message).toContain('text/html, which is no stream');
  });

  it('that says when to come back is obeyed', async () => {
    const gateway = new FakeGateway({ WebSocket: null });
    const connection = new EventConnection(gateway.options);
    connection.subscribe(A);
    connection.connect();
    await settle();
    await gateway.stream.refuse(429, 'too many', { 'retry-after': '7' });
    expect(connection.status.retryInMs).toBe(7_000);
  });
});
