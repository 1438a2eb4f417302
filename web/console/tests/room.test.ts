// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createRoom } from '../src/room/room.js';
import { FakeSocket } from './helpers.js';

const start = () => {
  const room = createRoom('ws://h/ws/events', FakeSocket as unknown as typeof WebSocket);
  room.connect();
  return room;
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

describe('the room', () => {
  test('counts what comes and what goes', () => {
    const room = start();
    FakeSocket.last.onopen!();
    expect(room.send('hello')).toBe(true);
    FakeSocket.last.say({ message: 'hi', timestamp: '2026-01-16T14:30:00.123456' });
    expect(FakeSocket.last.sent).toEqual([{ message: 'hello' }]);
    expect([room.total.value, room.sent.value, room.received.value]).toEqual([2, 1, 1]);
    expect(room.messages.value.map(({ text, isOwn }) => [text, isOwn])).toEqual([['hello', true], ['hi', false]]);
  });

  test('passes on a refusal until the next message, and ignores what it cannot read', () => {
    const room = start();
    FakeSocket.last.onopen!();
    FakeSocket.last.say({ error: 'too fast' });
    FakeSocket.last.say('no JSON');
    FakeSocket.last.say('null');
    expect([room.refusal.value, room.received.value]).toEqual(['too fast', 0]);
    room.send('again');
    expect(room.refusal.value).toBe('');
  });

  test('says when nothing can be sent', () => {
    const room = start();
    expect(room.send('too early')).toBe(false);
    expect(room.total.value).toBe(0);
  });

  test('comes back by itself, later each time, and at once when the network is back', () => {
    const room = start();
    FakeSocket.last.onopen!();
    FakeSocket.last.drop();
    expect(room.state.value).toBe('waiting');
    vi.advanceTimersByTime(3_000);
    expect([FakeSocket.all.length, room.state.value]).toEqual([2, 'connecting']);
    FakeSocket.last.drop();
    vi.advanceTimersByTime(5_999);
    expect(FakeSocket.all.length).toBe(2);
    dispatchEvent(new Event('online'));
    expect(FakeSocket.all.length).toBe(3);
    FakeSocket.last.onopen!();
    vi.advanceTimersByTime(60_000);
    expect([FakeSocket.all.length, room.failures.value, room.state.value]).toEqual([3, 0, 'open']);
  });

  test('stays away when told to', () => {
    const room = start();
    const socket = FakeSocket.last;
    socket.onopen!();
    room.disconnect();
    socket.drop(1000);
    dispatchEvent(new Event('online'));
    vi.advanceTimersByTime(60_000);
    expect([FakeSocket.all.length, socket.isClosed, room.state.value]).toEqual([1, true, 'closed']);
    room.connect();
    expect(FakeSocket.all.length).toBe(2);
  });

  test('adds up the time online', () => {
    const room = start();
    FakeSocket.last.onopen!();
    vi.advanceTimersByTime(5_000);
    FakeSocket.last.drop();
    vi.advanceTimersByTime(3_000);
    FakeSocket.last.onopen!();
    vi.advanceTimersByTime(2_000);
    expect(room.onlineMs(Date.now())).toBe(7_000);
  });
});
