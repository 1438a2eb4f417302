// SPDX-License-Identifier: MIT
/** Refusals: what the client mends alone, and what the application hears. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection, type ConnectionOptions } from '../src/index.js';
import { FakeGateway, settle } from './fakes.js';

const A = '/contest/a';

async function start(options: ConnectionOptions = {}) {
  const gateway = new FakeGateway({ fetch: null, ...options });
  const connection = new EventConnection(gateway.options);
  const errors: string[] = [];
  connection.on('error', (error) =>
    void errors.push(`${error.code} ${'channel' in error ? error.channel : ''}`.trim()));
  connection.subscribe(A);
  connection.connect();
  await settle();
  gateway.socket.accept();
  return { connection, gateway, socket: gateway.socket, errors };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('unauthorized', () => {
  it('authenticates again with a fresh token and then subscribes again', async () => {
    const token = vi.fn(async (reason: string) => (reason === 'connect' ? 'old' : 'new'));
    const { socket, errors } = await start({ token });
    socket.refuseAuth();
    socket.refuse(A, 'unauthorized');
    await settle();
    expect(socket.ofType('auth').map((one) => one['token'])).toEqual(['old', 'new']);
    expect(socket.ofType('subscribe')).toHaveLength(1);
    socket.confirmAuth();
    expect(socket.ofType('subscribe')).toHaveLength(2);
    socket.confirm(A);
    expect(errors).toEqual([]);
  });

  it('for a channel alone sends the same token again, once', async () => {
    const { socket, errors } = await start({ token: 'T' });
    socket.confirmAuth();
    socket.refuse(A, 'unauthorized');
    expect(socket.ofType('auth')).toHaveLength(2);
    socket.confirmAuth();
    expect(socket.ofType('subscribe')).toHaveLength(2);
    socket.refuse(A, 'unauthorized');
    expect(errors).toEqual([`unauthorized ${A}`]);
    expect(socket.ofType('auth')).toHaveLength(2);
  });

  it('a refused string is not sent again', async () => {
    const { socket, errors, connection } = await start({ token: 'T' });
    socket.refuseAuth();
    socket.refuse(A, 'unauthorized');
    expect(socket.ofType('auth')).toHaveLength(1);
    expect(errors).toEqual(['unauthorized', `unauthorized ${A}`]);
    expect(connection.state).toBe('open');
  });

  it('stops asking a function whose tokens are all refused', async () => {
    let count = 0;
    const { socket, errors } = await start({ token: async () => `T${(count += 1)}` });
    for (let turn = 0; turn < 5; turn += 1) {
      socket.refuseAuth();
      await settle();
    }
    expect(socket.ofType('auth')).toHaveLength(3);
    expect(errors).toEqual(['unauthorized']);
  });

  it('without any token the application hears it at once', async () => {
    const { socket, errors } = await start();
    socket.refuse(A, 'unauthorized');
    expect(errors).toEqual([`unauthorized ${A}`]);
  });

  it('connect() with another token tries what was refused again', async () => {
    const { socket, connection } = await start();
    socket.refuse(A, 'unauthorized');
    connection.connect('T');
    expect(socket.last('auth')['token']).toBe('T');
    socket.confirmAuth();
    expect(socket.ofType('subscribe')).toHaveLength(2);
  });

  it('an answer to an auth that was replaced says nothing', async () => {
    const { socket, connection } = await start({ token: 'T' });
    const first = socket.last('auth')['id'];
    connection.connect('T2');
    socket.say({ type: 'auth_success', username: 'old', id: first });
    expect(connection.status.username).toBeNull();
    socket.confirmAuth('new');
    expect(connection.status.username).toBe('new');
  });
});

describe('an ended connection', () => {
  it('says nothing about a renewal that was under way', async () => {
    let answer: (token: string | null) => void = () => {};
    const token = (reason: string) =>
      reason === 'connect' ? 'old' : new Promise<string | null>((resolve) => (answer = resolve));
    const { socket, errors } = await start({ token });
    socket.refuseAuth();
    await settle();
    socket.drop();
    answer(null);
    await settle();
    expect(errors).toEqual([]);
  });

  it.each(['auth', 'channel'])('closed while the %s is to be asked again, leaves no timer', async (what) => {
    const { socket, connection } = await start({ token: 'T' });
    if (what === 'auth') {
      socket.refuseAuth('unavailable');
    } else {
      socket.refuse(A, 'unavailable');
    }
    connection.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('other errors', () => {
  it.each(['not_found', 'bad_request'])('%s unsubscribes for good', async (code) => {
    const { socket, connection, errors, gateway } = await start();
    const dropped = vi.fn();
    connection.on('unsubscribed', dropped);
    socket.refuse(A, code);
    expect(errors).toEqual([`${code} ${A}`]);
    expect(dropped).toHaveBeenCalledWith(A);
    expect(connection.subscriptions.size).toBe(0);
    socket.drop();
    vi.advanceTimersByTime(500);
    gateway.socket.accept();
    expect(gateway.socket.ofType('subscribe')).toEqual([]);
  });

  it.each(['forbidden', 'too_many_subscriptions', 'of_the_future'])(
    '%s is told, not repeated, and tried again on the next connection', async (code) => {
      const { socket, errors, gateway } = await start();
      socket.refuse(A, code);
      vi.advanceTimersByTime(35_000);
      expect(errors).toEqual([`${code === 'of_the_future' ? 'unknown' : code} ${A}`]);
      expect(socket.ofType('subscribe')).toHaveLength(1);
      socket.drop();
      vi.advanceTimersByTime(500);
      gateway.socket.accept();
      expect(gateway.socket.ofType('subscribe')).toHaveLength(1);
    },
  );

  it.each(['unavailable', 'rate_limited'])('%s is asked again with backoff, silently', async (code) => {
    const { socket, errors } = await start();
    socket.refuse(A, code);
    vi.advanceTimersByTime(499);
    expect(socket.ofType('subscribe')).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(socket.ofType('subscribe')).toHaveLength(2);
    socket.refuse(A, code);
    vi.advanceTimersByTime(999);
    expect(socket.ofType('subscribe')).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(socket.ofType('subscribe')).toHaveLength(3);
    socket.confirm(A);
    expect(errors).toEqual([]);
  });

  it('an auth that is unavailable is asked again soon, one that is rate limited after a minute', async () => {
    const { socket, errors } = await start({ token: 'T' });
    socket.refuseAuth('unavailable');
    socket.refuse(A, 'unauthorized');
    vi.advanceTimersByTime(500);
    expect(socket.ofType('auth')).toHaveLength(2);
    socket.refuseAuth('rate_limited');
    for (let second = 0; second < 59; second += 1) {
      vi.advanceTimersByTime(1000);
      socket.say({ type: 'pong' });
    }
    expect(socket.ofType('auth')).toHaveLength(2);
    vi.advanceTimersByTime(1000);
    expect(socket.ofType('auth')).toHaveLength(3);
    socket.confirmAuth();
    expect(socket.ofType('subscribe')).toHaveLength(2);
    expect(errors).toEqual([]);
  });

  it('an error is matched by the command\'s id, so an older one does no harm', async () => {
    const { socket, connection, errors } = await start();
    socket.say({ type: 'error', error: 'not_found', channel: A, id: 'older' });
    expect([errors, connection.subscriptions.size]).toEqual([[], 1]);
  });

  it('is passed to options.onError as a value, and a handler that throws harms nothing', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const onError = vi.fn(() => {
      throw new Error('theirs');
    });
    const { socket, connection } = await start({ onError });
    socket.refuse(A, 'forbidden');
    expect(onError).toHaveBeenCalledWith({ code: 'forbidden', channel: A, message: 'forbidden' });
    expect(connection.state).toBe('open');
  });
});
