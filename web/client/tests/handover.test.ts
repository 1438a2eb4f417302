// SPDX-License-Identifier: MIT
/** `reconnect`: the new connection first, resumed, then the old one closed. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection } from '../src/index.js';
import { event, FakeGateway } from './fakes.js';

const A = '/contest/a';
const U = '/user/ana';

/** Open with A at E:5 and U at E:1, and told to leave in 200 ms. */
function leaving() {
  const gateway = new FakeGateway({ fetch: null });
  const connection = new EventConnection(gateway.options);
  const events: string[] = [];
  const states: string[] = [];
  const resets: string[] = [];
  connection.on('event', ({ channel, id }) => void events.push(`${channel} ${id}`));
  connection.on('reset', (channel) => void resets.push(channel));
  connection.subscribe(A);
  connection.subscribe(U);
  connection.connect('T');
  const old = gateway.socket.accept();
  old.confirmAuth();
  old.confirm(A, 'E:5');
  old.confirm(U, 'E:1');
  connection.on('status', ({ state }) => void states.push(state));
  old.say({ type: 'reconnect', after: 200, deadline: 20_000 });
  return { gateway, connection, events, states, resets, old };
}

/** The successor, accepted and authenticated. */
function succeed(all: ReturnType<typeof leaving>) {
  vi.advanceTimersByTime(200);
  const next = all.gateway.socket.accept();
  next.confirmAuth();
  return next;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a gateway that leaves', () => {
  it('is replaced after the delay it asks for', () => {
    const { gateway } = leaving();
    vi.advanceTimersByTime(199);
    expect(gateway.sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(gateway.sockets).toHaveLength(2);
  });

  it('keeps the old connection until every channel flows on the new one', () => {
    const all = leaving();
    const next = succeed(all);
    expect(next.last('subscribe', A)['position']).toBe('E:5');
    next.confirm(A);
    expect(all.old.closedWith).toBeNull();
    next.confirm(U);
    expect(all.old.closedWith).toBe(1000);
    expect(all.states).toEqual([]);
    next.say(event(A, 6));
    expect(all.events).toEqual([`${A} id-6`]);
  });

  it('takes each channel from one of the two, misses nothing and repeats nothing', () => {
    const all = leaving();
    const next = succeed(all);
    all.old.say(event(A, 6));
    next.confirm(A);
    next.say(event(A, 6));
    next.say(event(A, 7));
    all.old.say(event(A, 7));
    all.old.say(event(A, 8));
    all.old.say(event(U, 2));
    next.say(event(A, 8));
    next.confirm(U);
    next.say(event(U, 2));
    next.say(event(U, 3));
    expect(all.events).toEqual([
      `${A} id-6`, `${A} id-7`, `${U} id-2`, `${A} id-8`, `${U} id-3`,
    ]);
    expect(all.resets).toEqual([]);
  });

  it('positions from the old connection do not outrun the new one', () => {
    const all = leaving();
    const next = succeed(all);
    next.confirm(A);
    all.old.say({ type: 'position', channel: A, position: 'E:99' });
    next.confirm(U);
    next.drop();
    vi.advanceTimersByTime(500);
    all.gateway.socket.accept();
    expect(all.gateway.socket.last('subscribe', A)['position']).toBe('E:5');
  });

  it('a refused channel does not hold up the handover, an unavailable one does', () => {
    const all = leaving();
    const next = succeed(all);
    next.refuse(A, 'unavailable');
    next.refuse(U, 'forbidden');
    expect(all.old.closedWith).toBeNull();
    all.old.say(event(A, 6));
    expect(all.events).toEqual([`${A} id-6`]);
    vi.advanceTimersByTime(500);
    next.confirm(A);
    expect(all.old.closedWith).toBe(1000);
  });

  it('tries again with backoff while the old connection lives', () => {
    const all = leaving();
    vi.advanceTimersByTime(200);
    all.gateway.socket.drop();
    expect(all.connection.state).toBe('open');
    vi.advanceTimersByTime(500);
    all.gateway.socket.drop();
    vi.advanceTimersByTime(999);
    expect(all.gateway.sockets).toHaveLength(3);
    vi.advanceTimersByTime(1);
    const next = all.gateway.socket.accept();
    next.confirmAuth();
    next.confirm(A);
    next.confirm(U);
    expect(all.old.closedWith).toBe(1000);
  });

  it('goes on with an unfinished successor when the old connection ends', () => {
    const all = leaving();
    vi.advanceTimersByTime(200);
    all.old.drop(1012);
    expect(all.connection.state).toBe('connecting');
    const next = all.gateway.socket.accept();
    expect(all.connection.state).toBe('open');
    next.confirmAuth();
    next.confirm(A);
    next.confirm(U);
    next.say(event(A, 6));
    expect([all.events, all.gateway.sockets.length]).toEqual([[`${A} id-6`], 2]);
  });

  it('waits as usual when the old connection ends before there is a successor', () => {
    const all = leaving();
    all.old.drop(1012);
    expect(all.connection.state).toBe('waiting');
    vi.advanceTimersByTime(10_499);
    expect(all.gateway.sockets).toHaveLength(2);
  });

  it('makes do with an open successor that is not complete after 30 s', () => {
    const all = leaving();
    const next = succeed(all);
    next.confirm(A);
    for (let second = 0; second < 30; second += 1) {
      expect(all.old.closedWith).toBeNull();
      vi.advanceTimersByTime(1000);
    }
    expect(all.old.closedWith).toBe(1000);
    expect(all.connection.state).toBe('open');
    expect(next.closedWith).toBeNull();
  });

  it('subscribes to a new channel on both', () => {
    const all = leaving();
    const next = succeed(all);
    all.connection.subscribe('/problem/p');
    expect(all.old.ofType('subscribe')).toHaveLength(3);
    expect(next.ofType('subscribe')).toHaveLength(3);
  });

  it('a successor that is deauthenticated ends everything', () => {
    const all = leaving();
    const next = succeed(all);
    next.drop(4001);
    expect([all.connection.state, all.old.closedWith, vi.getTimerCount()]).toEqual(['closed', 1000, 0]);
  });

  it('another token reaches a successor that is not open yet', () => {
    const all = leaving();
    vi.advanceTimersByTime(200);
    all.connection.connect('T2');
    const next = all.gateway.socket.accept();
    expect(next.last('auth')['token']).toBe('T2');
    expect(all.old.last('auth')['token']).toBe('T2');
  });

  it.each([0, 200])('close() after %i ms leaves nothing behind', (ms) => {
    const all = leaving();
    vi.advanceTimersByTime(ms);
    all.connection.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(all.gateway.sockets.every(({ closedWith }) => closedWith === 1000)).toBe(true);
  });
});
