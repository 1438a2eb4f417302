// SPDX-License-Identifier: MIT
/** EventService: the reference page's signatures, callbacks per channel, throttling. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  EventService, type BroadcastEvent, type ClientError, type WebSocketConstructor,
} from '../src/index.js';
import { event, FakeGateway, FakePage } from './fakes.js';

const A = '/contest/a';

function setup() {
  const gateway = new FakeGateway({ fetch: null });
  const service = new EventService(gateway.options);
  return { gateway, service };
}

function open() {
  const all = setup();
  all.service.connect('T');
  all.gateway.socket.accept().confirmAuth();
  return all;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('EventService', () => {
  it('works as the reference page uses it: connect, subscribe, callback with the whole event', () => {
    const { gateway, service } = setup();
    const callback: Function = vi.fn();
    service.connect('T');
    service.subscribe(A, callback);
    const socket = gateway.socket.accept();
    expect(socket.sent.map(({ type, token, channel }) => [type, token ?? channel]))
      .toEqual([['auth', 'T'], ['subscribe', A]]);
    socket.confirmAuth();
    socket.confirm(A);
    socket.say(event(A, 1));
    expect(callback).toHaveBeenCalledTimes(1);
    expect(callback).toHaveBeenCalledWith(event(A, 1));
  });

  it('subscribes once for all callbacks of a channel, and calls each once', () => {
    const { gateway, service } = open();
    const [first, second] = [vi.fn(), vi.fn()];
    service.subscribe(A, first);
    service.subscribe(A, first);
    service.subscribe(A, second);
    expect(gateway.socket.ofType('subscribe')).toHaveLength(1);
    gateway.socket.confirm(A);
    gateway.socket.say(event(A, 1));
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 1]);
  });

  it('unsubscribes with the last callback, and the returned function ends just its own', () => {
    const { gateway, service } = open();
    const [first, second] = [vi.fn(), vi.fn()];
    const off = service.subscribe(A, first);
    service.subscribe(A, second);
    gateway.socket.confirm(A);
    off();
    off();
    gateway.socket.say(event(A, 1));
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
    expect(gateway.socket.ofType('unsubscribe')).toHaveLength(0);
    service.unsubscribe(A);
    expect(gateway.socket.ofType('unsubscribe')).toHaveLength(1);
    gateway.socket.say(event(A, 2));
    expect(second).toHaveBeenCalledTimes(1);
  });

  it('a stale function does not end a later subscription of the same callback', () => {
    const { gateway, service } = open();
    const callback = vi.fn();
    const off = service.subscribe(A, callback);
    service.unsubscribe(A, callback);
    service.subscribe(A, callback);
    off();
    gateway.socket.confirm(A);
    gateway.socket.say(event(A, 1));
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('a callback that throws harms no other; one that ends another is obeyed', () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const { gateway, service } = open();
    const [second, third] = [vi.fn(), vi.fn()];
    service.subscribe(A, () => {
      service.unsubscribe(A, second);
      throw new Error('theirs');
    });
    service.subscribe(A, second);
    service.subscribe(A, third);
    gateway.socket.confirm(A);
    gateway.socket.say(event(A, 1));
    expect([second.mock.calls.length, third.mock.calls.length]).toEqual([0, 1]);
  });

  it('throttles one callback and not the other; the latest scoreboard wins', () => {
    const { gateway, service } = open();
    const [slow, fast]: BroadcastEvent[][] = [[], []];
    service.subscribe(A, (one) => slow!.push(one), { throttle: 1000 });
    service.subscribe(A, (one) => fast!.push(one));
    gateway.socket.confirm(A);
    for (let n = 1; n <= 5; n += 1) {
      gateway.socket.say(event(A, n, { type: 'scoreboard_update', data: { scoreboard: n } }));
    }
    expect([slow!.length, fast!.length]).toEqual([1, 5]);
    vi.advanceTimersByTime(1000);
    expect(slow!.map(({ data, skipped }) => [data, skipped])).toEqual([
      [{ scoreboard: 1 }, undefined], [{ scoreboard: 5 }, 3],
    ]);
  });

  it('on reset delivers what waited, then tells the subscription', () => {
    const { gateway, service } = open();
    const order: string[] = [];
    service.subscribe(A, ({ id }) => void order.push(id!), {
      throttle: 1000, onReset: (channel) => void order.push(`reset ${channel}`),
    });
    gateway.socket.confirm(A);
    gateway.socket.say(event(A, 1));
    gateway.socket.say(event(A, 2));
    gateway.socket.say({ type: 'reset', channel: A, position: 'F:0' });
    expect(order).toEqual(['id-1', 'id-2', `reset ${A}`]);
  });

  it('tells the subscription of errors of its channel alone, and forgets it on not_found', () => {
    const { gateway, service } = open();
    const errors: ClientError[] = [];
    const others = vi.fn();
    service.subscribe(A, vi.fn(), { onError: (error) => errors.push(error) });
    service.subscribe('/user/ana', vi.fn(), { onError: others });
    gateway.socket.refuse(A, 'not_found');
    expect(errors).toEqual([{ code: 'not_found', channel: A, message: 'not_found' }]);
    expect(others).not.toHaveBeenCalled();
    service.subscribe(A, vi.fn());
    expect(gateway.socket.ofType('subscribe').map(({ channel }) => channel)).toEqual([A, '/user/ana', A]);
  });

  it('takes the class of the browser as it is', () => {
    const take = (socketClass: WebSocketConstructor) => socketClass; // checked by tsc
    expect(() => take(WebSocket)).toBeTypeOf('function');
  });

  it('shows state and status', () => {
    const { gateway, service } = setup();
    const states: string[] = [];
    const off = service.on('status', ({ state }) => void states.push(state));
    service.connect('T');
    gateway.socket.accept();
    expect([service.state, service.status.transport]).toEqual(['open', 'websocket']);
    off();
    service.close();
    expect(states).toEqual(['connecting', 'open']);
  });

  it('close() leaves no timer, listener, socket or callback', () => {
    const page = new FakePage();
    const { gateway, service } = open();
    const callback = vi.fn();
    service.subscribe(A, callback, { throttle: 1000 });
    gateway.socket.confirm(A);
    gateway.socket.say(event(A, 1));
    gateway.socket.say(event(A, 2));
    service.close();
    expect([vi.getTimerCount(), page.listeners, gateway.socket.closedWith]).toEqual([0, 0, 1000]);
    vi.advanceTimersByTime(60_000);
    expect(callback).toHaveBeenCalledTimes(1);
    expect(service.state).toBe('closed');
  });
});
