// SPDX-License-Identifier: MIT
/** Who the connection is for: nobody gets what the user before was allowed to see. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection, type ConnectionOptions } from '../src/index.js';
import { FakeGateway, settle } from './fakes.js';

const A = '/contest/a';
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function start(options: ConnectionOptions = {}, token?: string) {
  const gateway = new FakeGateway({ fetch: null, ...options });
  const connection = new EventConnection(gateway.options);
  const errors: string[] = [];
  connection.on('error', ({ code }) => void errors.push(code));
  connection.subscribe(A);
  connection.connect(token);
  await settle();
  gateway.socket.accept();
  return { connection, gateway, errors };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the former user\'s token', () => {
  it('is forgotten by close()', async () => {
    const { connection, gateway } = await start({}, 'T');
    gateway.socket.confirmAuth();
    connection.close();
    expect(connection.status).toMatchObject({ username: null, closeCode: null, error: null });
    connection.subscribe(A);
    connection.connect();
    gateway.socket.accept();
    expect(gateway.socket.sent.map(({ type }) => type)).toEqual(['subscribe']);
  });

  it('is forgotten when the gateway says that the user logged out', async () => {
    const { connection, gateway } = await start({}, 'T');
    gateway.socket.confirmAuth();
    gateway.socket.drop(4001);
    connection.connect();
    gateway.socket.accept();
    expect(gateway.socket.ofType('auth')).toEqual([]);
  });

  it('that the options name is the one to begin with again', async () => {
    const { connection, gateway } = await start({ token: 'mine' }, 'other');
    expect(gateway.socket.last('auth')['token']).toBe('other');
    connection.close();
    connection.connect();
    gateway.socket.accept();
    expect(gateway.socket.last('auth')['token']).toBe('mine');
  });

  it.each([null, ''])('is forgotten by connect(%j): another connection is opened for nobody', async (none) => {
    const { connection, gateway } = await start({}, 'T');
    gateway.socket.confirmAuth();
    connection.connect(none);
    expect(gateway.sockets).toHaveLength(2);
    expect([gateway.sockets[0]!.closedWith, connection.status.username]).toEqual([1000, null]);
    gateway.socket.accept();
    expect(gateway.socket.ofType('auth')).toEqual([]);
  });

  it.each([
    ['is refused', async (gateway: FakeGateway) => gateway.socket.refuseAuth()],
    ['cannot be asked about', async (gateway: FakeGateway) => gateway.socket.refuseAuth('unavailable')],
  ])('does not stay in use when the other one %s', async (_name, answer) => {
    const { connection, gateway } = await start({}, 'T');
    gateway.socket.confirmAuth();
    connection.connect('T2');
    await answer(gateway);
    expect(gateway.sockets[0]!.closedWith).toBe(1000);
    await wait(0);
    gateway.socket.accept();
    expect(gateway.socket.ofType('auth').map(({ token }) => token)).toEqual(['T2']);
  });

  it.each([
    ['has none', async () => null],
    ['fails', () => Promise.reject(new Error('no session'))],
  ])('does not stay in use when another function %s', async (_name, other) => {
    const { connection, gateway } = await start({}, 'T');
    gateway.socket.confirmAuth();
    connection.connect(other);
    await settle();
    expect(gateway.sockets[0]!.closedWith).toBe(1000);
    expect(gateway.sockets[0]!.ofType('auth')).toHaveLength(1);
  });

  it('is not said on a successor that is being opened', async () => {
    const { connection, gateway } = await start({}, 'T');
    gateway.socket.confirmAuth();
    gateway.socket.confirm(A);
    gateway.socket.say({ type: 'reconnect', after: 0 });
    expect(gateway.sockets).toHaveLength(2);
    connection.connect('T2');
    gateway.socket.accept();
    expect(gateway.socket.ofType('auth').map(({ token }) => token)).toEqual(['T2']);
  });
});

describe('a token function at renewal', () => {
  /** Connected with a first token, which the gateway then refuses for the channel. */
  async function renewing(again: () => Promise<string>) {
    let asked = 0;
    const all = await start({ token: (reason) => (reason === 'connect' ? 'old' : ((asked += 1), again())) });
    all.gateway.socket.confirmAuth();
    all.gateway.socket.refuse(A, 'unauthorized');
    await settle();
    return { ...all, asked: () => asked };
  }

  it('that throws is asked again with backoff, and the application hears it', async () => {
    let works = false;
    const all = await renewing(async () => {
      if (!works) {
        throw new Error('the site restarts');
      }
      return 'new';
    });
    expect([all.asked(), all.errors]).toEqual([1, ['token_failed']]);
    await wait(500);
    expect([all.asked(), all.errors.length]).toEqual([2, 2]);
    works = true;
    await wait(1000);
    expect(all.gateway.socket.last('auth')['token']).toBe('new');
    all.gateway.socket.confirmAuth();
    all.gateway.socket.confirm(A);
    expect(all.connection.status.refused).toEqual([]);
  });

  it('that never answers has the time limit of a first one, and is asked again', async () => {
    const all = await renewing(() => new Promise(() => {}));
    await wait(10_000);
    expect(all.errors).toEqual(['token_failed']);
    await wait(500);
    expect(all.asked()).toBe(2);
    all.connection.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('works at the hundredth time as at the first', async () => {
    let count = 0;
    const all = await renewing(async () => `T${(count += 1)}`);
    for (let turn = 1; turn <= 100; turn += 1) {
      expect(all.gateway.socket.last('auth')['token']).toBe(`T${turn}`);
      all.gateway.socket.confirmAuth();
      all.gateway.socket.confirm(A);
      all.gateway.socket.drop();
      await wait(all.connection.status.retryInMs ?? 0);
      all.gateway.socket.accept().confirmAuth();
      all.gateway.socket.refuse(A, 'unauthorized');
      await settle();
    }
    expect(all.errors).toEqual([]);
  });
});

it('a first token that never comes is told as the token function\'s fault', async () => {
  const { errors, connection } = await (async () => {
    const gateway = new FakeGateway({ fetch: null, token: () => new Promise<string>(() => {}) });
    const connection = new EventConnection(gateway.options);
    const errors: string[] = [];
    connection.on('error', ({ code }) => void errors.push(code));
    connection.connect();
    return { connection, errors };
  })();
  await wait(10_000);
  expect([errors, connection.state]).toEqual([['token_failed'], 'waiting']);
});

it('a stream\'s token is renewed the hundredth time as the first', async () => {
  let count = 0;
  const gateway = new FakeGateway({ WebSocket: null, token: async () => `T${(count += 1)}` });
  const connection = new EventConnection(gateway.options);
  connection.subscribe(A);
  connection.connect();
  await settle();
  for (let turn = 1; turn <= 100; turn += 1) {
    await gateway.stream.refuse(401);
    await settle();
    await gateway.stream.accept();
    await gateway.stream.say({ type: 'subscribed', channel: A, position: 'E:1' });
    await gateway.stream.say({ type: 'error', error: 'unavailable', channel: A });
    await wait(1000);
  }
  expect([count, connection.state]).toEqual([201, 'open']);
});
