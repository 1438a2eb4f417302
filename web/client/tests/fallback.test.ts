// SPDX-License-Identifier: MIT
/** When WebSocket cannot be opened: Server-Sent Events, then polling, and the way back. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection, type ConnectionOptions } from '../src/index.js';
import { event, FakeGateway, FakePage, settle } from './fakes.js';

const A = '/contest/a';
const U = '/user/ana';
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function setup(options: ConnectionOptions = {}) {
  const gateway = new FakeGateway(options);
  const connection = new EventConnection(gateway.options);
  const events: string[] = [];
  const resets: string[] = [];
  const errors: string[] = [];
  connection.on('event', ({ channel, id }) => void events.push(`${channel} ${id}`));
  connection.on('reset', (channel) => void resets.push(channel));
  connection.on('error', (error) =>
    void errors.push(`${error.code} ${'channel' in error ? error.channel : ''}`.trim()));
  return { gateway, connection, events, resets, errors };
}

/** WebSocket failed twice; a stream of A is asked for. */
async function fallen(options: ConnectionOptions = {}) {
  const all = setup(options);
  all.connection.subscribe(A);
  all.connection.connect('T');
  all.gateway.socket.drop();
  await wait(500);
  all.gateway.socket.drop();
  await wait(1000);
  return all;
}

/** On a stream of A, at E:5. */
async function streaming(options: ConnectionOptions = {}) {
  const all = await fallen(options);
  await all.gateway.stream.accept();
  await all.gateway.stream.say({ type: 'subscribed', channel: A, position: 'E:5' });
  return all;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('Server-Sent Events', () => {
  it('follow after WebSocket could not be opened twice', async () => {
    const { gateway, connection } = await fallen();
    expect([gateway.sockets.length, gateway.streams.length]).toEqual([2, 1]);
    const { stream } = gateway;
    expect(`${stream.url.origin}${stream.url.pathname}`).toBe('https://judge.test/events/');
    expect(stream.channels).toEqual([A]);
    expect(stream.headers).toEqual({ Accept: 'text/event-stream, text/plain', Authorization: 'token T' });
    await stream.accept();
    expect(connection.status).toMatchObject({ state: 'open', transport: 'sse' });
  });

  it('follow as well when a socket opens and says nothing', async () => {
    const { connection, gateway } = setup();
    connection.subscribe(A);
    connection.connect('T');
    gateway.socket.accept().drop();
    await wait(500);
    gateway.socket.accept().drop();
    await wait(1000);
    expect(gateway.streams).toHaveLength(1);
  });

  it('do not follow when a connection that worked is lost', async () => {
    const { connection, gateway } = setup();
    connection.subscribe(A);
    connection.connect('T');
    for (const delay of [500, 1000, 2000]) {
      gateway.socket.accept().confirmAuth();
      await wait(1000); // it is not a message that ends it
      gateway.socket.drop();
      await wait(delay);
    }
    expect([gateway.sockets.length, gateway.streams.length]).toEqual([4, 0]);
  });

  it('do not follow a close code, which is an answer too', async () => {
    const { connection, gateway } = setup();
    connection.subscribe(A);
    connection.connect('T');
    for (const delay of [4000, 8000, 15_000]) {
      gateway.socket.accept().drop(1013);
      await wait(delay);
    }
    expect([gateway.sockets.length, gateway.streams.length]).toEqual([4, 0]);
  });

  it('are forgotten by close(): connect() begins with WebSocket', async () => {
    const { gateway, connection } = await fallen();
    connection.close();
    connection.subscribe(A);
    connection.connect('T');
    expect(gateway.sockets).toHaveLength(3);
  });

  it('deliver events once, keep positions, and resume with them', async () => {
    const { gateway, connection, events, resets } = await streaming();
    await gateway.stream.say(event(A, 6));
    await gateway.stream.say({ type: 'position', channel: A, position: 'E:9' });
    await gateway.stream.end();
    expect(connection.state).toBe('waiting');
    await wait(2000);
    expect(gateway.streams).toHaveLength(2);
    expect(gateway.stream.headers['Last-Event-ID']).toBe('E:9');
    await gateway.stream.accept();
    await gateway.stream.say({ type: 'subscribed', channel: A, position: 'E:9', recovered: true });
    await gateway.stream.say(event(A, 6));
    await gateway.stream.say(event(A, 10));
    expect([events, resets]).toEqual([[`${A} id-6`, `${A} id-10`], []]);
  });

  it('say reset when the gateway could not recover', async () => {
    const { gateway, resets } = await streaming();
    await gateway.stream.end();
    await wait(2000);
    await gateway.stream.accept();
    await gateway.stream.say({ type: 'subscribed', channel: A, position: 'F:0', recovered: false });
    expect(resets).toEqual([A]);
  });

  it('are used at once, and all channels in one, where there is no WebSocket', async () => {
    const { gateway, connection } = setup({ WebSocket: null });
    connection.connect('T');
    expect(connection.state).toBe('idle');
    connection.subscribe(A);
    connection.subscribe(U);
    await settle();
    expect(gateway.streams.map(({ channels }) => channels)).toEqual([[A, U]]);
  });

  it('come back when the gateway says, with jitter otherwise', async () => {
    const { gateway, connection } = await streaming();
    await gateway.stream.raw('retry: 7000\n\n');
    await gateway.stream.end();
    expect(connection.status.retryInMs).toBe(7000);
  });

  it('are dead after 50 s of silence; a comment is life', async () => {
    const { gateway, connection } = await streaming();
    gateway.options.WebSocket = null; // no probes meanwhile
    await wait(30_000);
    await gateway.stream.raw(':\n');
    await wait(49_999);
    expect(connection.state).toBe('open');
    await wait(1);
    expect([connection.state, gateway.stream.aborted]).toEqual(['waiting', true]);
  });

  it('change channels through a second stream, then end the first', async () => {
    const { gateway, connection } = await streaming();
    const first = gateway.stream;
    connection.subscribe(U);
    connection.subscribe('/problem/p');
    await wait(100);
    expect(gateway.streams).toHaveLength(2);
    const second = gateway.stream;
    expect(second.channels).toEqual([A, U, '/problem/p']);
    expect(second.headers['Last-Event-ID']).toBe('E:5,,');
    await second.accept();
    await second.say({ type: 'subscribed', channel: A, position: 'E:5', recovered: true });
    await second.say({ type: 'subscribed', channel: U, position: 'E:0' });
    expect(first.aborted).toBe(false);
    await second.say({ type: 'error', error: 'not_found', channel: '/problem/p' });
    expect(first.aborted).toBe(true);
    expect([...connection.subscriptions]).toEqual([A, U]);
    await wait(1000);
    expect([connection.state, gateway.streams.length]).toEqual(['open', 2]);
  });

  it('end with their last channel, also when the gateway refuses it', async () => {
    const { gateway, connection } = await fallen();
    await gateway.stream.accept();
    await gateway.stream.say({ type: 'error', error: 'not_found', channel: A });
    expect([connection.state, gateway.stream.aborted, vi.getTimerCount()]).toEqual(['idle', true, 0]);
  });

  it('end with their last channel, and begin again with the next', async () => {
    const { gateway, connection } = await streaming();
    connection.subscribe(U);
    connection.unsubscribe(A);
    connection.unsubscribe(U);
    expect([connection.state, gateway.stream.aborted]).toEqual(['idle', true]);
    connection.subscribe(A);
    await wait(1000);
    expect(gateway.stream.channels).toEqual([A]);
  });

  it.each([
    ['an error', async (all: Awaited<ReturnType<typeof fallen>>) => {
      await all.gateway.stream.accept();
      await all.gateway.stream.say({ type: 'error', error: 'unauthorized', channel: A });
      await wait(0);
    }],
    ['status 401', async (all: Awaited<ReturnType<typeof fallen>>) => all.gateway.stream.refuse(401)],
  ])('a token refused by %s is renewed once', async (_name, refuse) => {
    const reasons: string[] = [];
    const token = async (reason: string) => {
      reasons.push(reason);
      return reason === 'connect' ? 'old' : 'new';
    };
    const all = setup({ WebSocket: null, token });
    all.connection.subscribe(A);
    all.connection.connect();
    await settle();
    await refuse(all);
    await settle();
    expect(reasons).toEqual(['connect', 'unauthorized']);
    expect(all.gateway.stream.headers['Authorization']).toBe('token new');
    await all.gateway.stream.accept();
    await all.gateway.stream.say({ type: 'error', error: 'unauthorized', channel: A });
    await wait(0);
    expect(all.errors).toEqual([`unauthorized ${A}`]);
    expect(all.gateway.streams).toHaveLength(2);
  });

  it('a channel that is unavailable is asked for again', async () => {
    const { gateway, errors } = await streaming();
    await gateway.stream.say({ type: 'error', error: 'unavailable', channel: A });
    await wait(500);
    expect(gateway.streams).toHaveLength(2);
    expect(gateway.streams[0]!.aborted).toBe(true);
    expect(errors).toEqual(['unreachable']); // of the WebSocket
  });

  it('another token opens the stream anew', async () => {
    const { gateway, connection } = await streaming();
    connection.connect('T2');
    await settle();
    expect(gateway.stream.headers).toMatchObject({ Authorization: 'token T2', 'Last-Event-ID': 'E:5' });
    expect([gateway.streams.length, connection.state]).toEqual([2, 'open']);
  });

  it.each(['asked for', 'open'])('close() leaves nothing behind when %s', async (when) => {
    const page = new FakePage();
    const { gateway, connection, events } = await (when === 'open' ? streaming() : fallen());
    connection.close();
    await settle();
    expect([vi.getTimerCount(), page.listeners, gateway.stream.aborted]).toEqual([0, 0, true]);
    expect([connection.state, events]).toEqual(['closed', []]);
  });
});

describe('the way back to WebSocket', () => {
  it('is probed soon and then ever more rarely, while the stream goes on', async () => {
    const { gateway, connection } = await streaming();
    const tries: number[] = [];
    let seconds = 0;
    while (tries.length < 4) {
      await wait(1000);
      seconds += 1;
      if (seconds % 20 === 0) {
        await gateway.stream.raw(':\n');
      }
      if (gateway.sockets.length > 2 + tries.length) {
        tries.push(seconds);
        gateway.socket.drop();
        expect(connection.status).toMatchObject({ state: 'open', transport: 'sse' });
      }
    }
    expect(tries).toEqual([10, 30, 70, 150]);
  });

  it('hands over: resumes on the socket, then ends the stream', async () => {
    const { gateway, connection, events } = await streaming();
    await gateway.stream.say(event(A, 6));
    await wait(10_000);
    const socket = gateway.socket.accept();
    socket.confirmAuth();
    expect(socket.last('subscribe', A)['position']).toBe('E:6');
    expect(gateway.stream.aborted).toBe(false);
    socket.confirm(A);
    expect(gateway.stream.aborted).toBe(true);
    expect(connection.status).toMatchObject({ state: 'open', transport: 'websocket' });
    socket.say(event(A, 7));
    expect(events).toEqual([`${A} id-6`, `${A} id-7`]);
    await wait(30_000);
    expect(gateway.sockets).toHaveLength(3);
  });

  it('is probed at once when the network is back', async () => {
    const page = new FakePage();
    const { gateway } = await streaming();
    page.online();
    await wait(0);
    expect(gateway.sockets).toHaveLength(3);
  });

  it('a probe that opens and is not complete is given up', async () => {
    const { gateway, connection } = await streaming();
    await wait(10_000);
    gateway.socket.accept();
    for (let turn = 0; turn < 3; turn += 1) {
      await wait(10_000);
      await gateway.stream.raw(':\n');
    }
    expect(gateway.sockets[2]!.closedWith).toBe(1000);
    expect(connection.status).toMatchObject({ state: 'open', transport: 'sse' });
  });
});

describe('polling', () => {
  it('starts when both transports failed, at once and every 30 s, and ends when one opens', async () => {
    const poll = vi.fn();
    const { gateway, connection } = await fallen({ poll });
    expect(poll).not.toHaveBeenCalled();
    await gateway.stream.refuse(503);
    expect(connection.status).toMatchObject({ state: 'waiting', transport: 'polling' });
    expect(poll).toHaveBeenCalledTimes(1);
    for (let second = 0; second < 30; second += 1) {
      await wait(1000);
      if (gateway.socket.onclose) {
        gateway.socket.drop();
      }
      const { stream } = gateway;
      if (!stream.aborted) {
        await stream.breakOff();
      }
    }
    expect(poll).toHaveBeenCalledTimes(2);
    while (!gateway.socket.onopen) {
      await wait(1000);
      if (!gateway.stream.aborted) {
        await gateway.stream.breakOff();
      }
    }
    const calls = poll.mock.calls.length;
    gateway.socket.accept().confirmAuth();
    gateway.socket.confirm(A);
    expect(connection.status).toMatchObject({ state: 'open', transport: 'websocket' });
    await wait(35_000);
    expect(poll).toHaveBeenCalledTimes(calls);
  });

  it('is all there is where nothing can be opened', async () => {
    const poll = vi.fn();
    const { connection } = setup({ WebSocket: null, fetch: null, poll });
    connection.connect('T');
    await wait(60_000);
    expect(poll).toHaveBeenCalledTimes(3);
    expect(connection.status).toMatchObject({ state: 'waiting', transport: 'polling' });
    connection.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('reports a failure and goes on', async () => {
    const poll = vi.fn(() => Promise.reject(new Error('down')));
    const { connection, errors } = setup({ WebSocket: null, fetch: null, poll });
    connection.connect('T');
    await wait(30_000);
    expect(errors).toEqual(['poll_failed', 'poll_failed']);
  });

  it('without a function nothing pretends to poll', async () => {
    const { gateway, connection } = await fallen();
    await gateway.stream.refuse(503);
    expect(connection.status).toMatchObject({ state: 'waiting', transport: null });
  });

  it('an answer that is no stream is a failure', async () => {
    const { gateway, connection } = await fallen();
    await gateway.stream.accept('text/html');
    expect(connection.state).toBe('waiting');
  });
});
