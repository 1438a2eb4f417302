// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMonitor, PERIOD_S } from '../src/gateway/monitor.js';

const reading = (time: number) => ({
  time, version: '1', connections_active: 2, messages_sent: time * 5, queue_bytes: 0, redis_up: 1,
  loop_lag: { count: time, sum: time / 1000 },
});
const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const next = () => vi.advanceTimersByTimeAsync(PERIOD_S * 1000);

describe('the monitor', () => {
  test('reads as long as somebody looks, with the token', async () => {
    let time = 0;
    const ask = vi.fn((_url: unknown, _init?: RequestInit) => Promise.resolve(answer(reading((time += 2)))));
    const monitor = createMonitor('/console/metrics', () => 'T', ask);
    monitor.start();
    await next();
    await vi.advanceTimersByTimeAsync(0);
    expect(monitor.state.value).toBe('ok');
    expect(monitor.gateways.value[0]!.series.rate.map((point) => point.value)).toEqual([5]);
    expect(ask.mock.calls[0]![1]!.headers).toEqual({ Authorization: 'token T' });
    monitor.stop();
    const asked = ask.mock.calls.length;
    await next();
    expect(ask.mock.calls.length).toBe(asked);
  });

  test.each([[answer({}, 403), 'refused'], [answer({}, 401), 'refused'], [answer({}, 500), 'unreachable'],
    [answer({ no: 'reading' }), 'unreachable'], [new TypeError('gone'), 'unreachable']])(
    'tells what else may come (%#), and goes on', async (first, state) => {
      const ask = vi.fn()
        .mockImplementationOnce(() => (first instanceof Error ? Promise.reject(first) : Promise.resolve(first)))
        .mockImplementation(() => Promise.resolve(answer(reading(2))));
      const monitor = createMonitor('/m', () => '', ask);
      monitor.start();
      await vi.advanceTimersByTimeAsync(0);
      expect(monitor.state.value).toBe(state);
      await next();
      expect(monitor.state.value).toBe('ok');
      monitor.stop();
    });

  test('forgets an answer that comes after nobody looks any more', async () => {
    let give: (response: Response) => void = () => undefined;
    const ask = vi.fn(() => new Promise<Response>((resolve) => (give = resolve)));
    const monitor = createMonitor('/m', () => '', ask);
    monitor.start();
    monitor.stop();
    give(answer(reading(2)));
    await next();
    expect([monitor.state.value, ask.mock.calls.length]).toEqual(['waiting', 1]);
  });
});
