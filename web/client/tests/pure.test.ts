// SPDX-License-Identifier: MIT
/** The modules without a connection: text to values, delays, positions, ids, windows. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backoff } from '../src/backoff.js';
import { Dedupe } from '../src/dedupe.js';
import { Emitter } from '../src/emitter.js';
import { isFinalClose, toServerError } from '../src/errors.js';
import { isEvent, parseMessage, type BroadcastEvent } from '../src/events.js';
import { Liveness } from '../src/liveness.js';
import { gatewayUrls } from '../src/options.js';
import { TransportPlan } from '../src/plan.js';
import { Poller } from '../src/polling.js';
import { isGap, Positions } from '../src/positions.js';
import { SseParser } from '../src/sse-parser.js';
import { Throttle } from '../src/throttle.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('parseMessage', () => {
  it.each([
    ['not JSON', '{'], ['an array', '[]'], ['null', 'null'], ['a bare string', '"ping"'],
    ['no type', '{"channel":"/a"}'], ['a type that is no text', '{"type":1,"channel":"/a"}'],
    ['an event without channel', '{"type":"run_update","data":{}}'],
    ['a reset without channel', '{"type":"reset"}'],
  ])('%s is null', (_name, text) => expect(parseMessage(text)).toBeNull());

  it('tells events from messages about the connection', () => {
    const parsed = (text: string) => parseMessage(text) ?? expect.fail(text);
    expect(isEvent(parsed('{"type":"run_update","channel":"/a"}'))).toBe(true);
    expect(isEvent(parsed('{"type":"of_our_own","channel":"/a"}'))).toBe(true);
    for (const type of ['position', 'reset', 'revoked', 'subscribed', 'pong', 'error', 'reconnect']) {
      expect(isEvent(parsed(JSON.stringify({ type, channel: '/a' })))).toBe(false);
    }
  });

  it('narrows an event by its type', () => {
    const got = parseMessage('{"type":"run_update","channel":"/a","data":{"verdict":"AC"}}') as BroadcastEvent;
    const verdict: string | undefined = got.type === 'run_update' ? got.data.verdict : undefined;
    expect(verdict).toBe('AC');
  });
});

describe('errors', () => {
  it('keeps the codes it knows and calls the rest unknown', () => {
    expect(toServerError({ type: 'error', error: 'forbidden', channel: '/a', message: 'no' }))
      .toEqual({ code: 'forbidden', channel: '/a', message: 'no' });
    expect(toServerError({ type: 'error', error: 'teapot' })).toEqual({ code: 'unknown', message: 'teapot' });
  });

  it.each([
    [3999, false], [4000, true], [4001, true], [4003, true], [4004, true], [4007, true], [4008, false],
    [4009, true], [4099, true], [4100, false], [1000, false], [1006, false], [1012, false],
  ])('close code %i is final: %s', (code, final) => expect(isFinalClose(code)).toBe(final));
});

describe('Backoff', () => {
  it('doubles its ceiling from 1 s to 30 s', () => {
    const backoff = new Backoff(1000, 30_000, () => 0.999999);
    const delays = Array.from({ length: 7 }, () => Math.ceil(backoff.next() / 1000));
    expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  it('jitters over the whole range', () => {
    expect(new Backoff(1000, 30_000, () => 0).next()).toBe(0);
    expect(new Backoff(1000, 30_000, () => 0.25).next()).toBe(250);
  });

  it('starts anew after a reset, and skips what atLeast says', () => {
    const backoff = new Backoff(1000, 30_000, () => 0.5);
    backoff.atLeast(3);
    expect(backoff.next()).toBe(4000);
    backoff.atLeast(2);
    expect(backoff.next()).toBe(8000);
    backoff.reset();
    expect(backoff.next()).toBe(500);
    expect(backoff.attempts).toBe(1);
  });
});

describe('Positions', () => {
  it('keeps the newest of any message that carries one', () => {
    const positions = new Positions();
    positions.note({ type: 'subscribed', channel: '/a', position: 'E:1' });
    positions.note({ type: 'position', channel: '/b', position: 'E:9' });
    positions.note({ type: 'run_update', channel: '/a', position: 'E:2', timestamp: 0, data: {} });
    positions.note({ type: 'revoked', channel: '/a' });
    expect([positions.get('/a'), positions.get('/b')]).toEqual(['E:2', 'E:9']);
    positions.forget('/a');
    expect(positions.get('/a')).toBeUndefined();
  });

  it('sees a gap only where a position was asked for and not recovered', () => {
    const answer = { type: 'subscribed', channel: '/a' } as const;
    expect(isGap(answer, undefined)).toBe(false);
    expect(isGap({ ...answer, recovered: true }, 'E:1')).toBe(false);
    expect(isGap({ ...answer, recovered: false }, 'E:1')).toBe(true);
    expect(isGap({ ...answer, recovered: false }, undefined)).toBe(false);
    expect(isGap(answer, 'E:1')).toBe(true);
  });
});

describe('Dedupe', () => {
  it('knows an id per channel', () => {
    const seen = new Dedupe();
    expect([seen.isNew('/a', '1'), seen.isNew('/a', '1'), seen.isNew('/b', '1')]).toEqual([true, false, true]);
    expect([seen.isNew('/a', undefined), seen.isNew('/a', undefined)]).toEqual([true, true]);
  });

  it('is bounded and forgets the oldest first', () => {
    const seen = new Dedupe(2);
    ['1', '2', '3'].forEach((id) => seen.isNew('/a', id));
    expect([seen.isNew('/a', '3'), seen.isNew('/a', '2'), seen.isNew('/a', '1')]).toEqual([false, false, true]);
  });
});

describe('Emitter', () => {
  it('goes on after a listener that throws, and reports it', () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const emitter = new Emitter<{ news: [number] }>();
    const heard: number[] = [];
    emitter.on('news', () => {
      throw new Error('theirs');
    });
    const off = emitter.on('news', (value) => heard.push(value));
    emitter.emit('news', 1);
    off();
    emitter.emit('news', 2);
    expect(heard).toEqual([1]);
    expect(report).toHaveBeenCalledTimes(2);
  });
});

describe('gatewayUrls', () => {
  it.each([
    ['wss://j.test/events/', undefined, 'wss://j.test/events/', 'https://j.test/events/'],
    ['http://j.test:39613/', undefined, 'ws://j.test:39613/', 'http://j.test:39613/'],
    ['/events/', 'https://j.test/arena/x', 'wss://j.test/events/', 'https://j.test/events/'],
    ['/events/', 'http://localhost:80/', 'ws://localhost/events/', 'http://localhost/events/'],
  ])('%s on %s', (url, page, websocket, http) =>
    expect(gatewayUrls(url, page)).toEqual({ websocket, http }));

  it('throws when a relative one has no page', () => {
    expect(() => gatewayUrls('/events/')).toThrow(TypeError);
  });
});

describe('SseParser', () => {
  const read = (...pieces: string[]) => {
    const got: (string | number)[] = [];
    const parser = new SseParser({ onData: (data) => got.push(data), onRetry: (ms) => got.push(ms) });
    pieces.forEach((piece) => parser.push(piece));
    return got;
  };

  it.each([
    ['LF', 'data: a\n\ndata:b\n\n'], ['CR', 'data: a\r\rdata:b\r\r'], ['CR LF', 'data: a\r\n\r\ndata:b\r\n\r\n'],
  ])('reads lines that end in %s', (_name, text) => expect(read(text)).toEqual(['a', 'b']));

  it('reads text cut anywhere', () => {
    const text = ': ping\r\nevent: x\r\ndata: {"a":\r\ndata: 1}\r\nid: E:1,E:2\r\n\r\nretry: 1500\r\ndata: z\r\n\r\n';
    expect(read(...text)).toEqual(['{"a":\n1}', 1500, 'z']);
  });

  it('ignores comments, events without data, an unfinished one, and a retry that is no number', () => {
    expect(read(':\n\nevent: x\n\nretry: soon\ndata: half')).toEqual([]);
  });
});

describe('TransportPlan', () => {
  const plan = (websocket = true, sse = true) => new TransportPlan(() => ({ websocket, sse }));

  it('tries WebSocket twice, then takes turns, and is exhausted when both failed', () => {
    const tries: (string | null)[] = [];
    const it = plan();
    const exhausted: boolean[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      const kind = it.next(true);
      tries.push(kind);
      it.failed(kind!);
      exhausted.push(it.exhausted);
    }
    expect(tries).toEqual(['websocket', 'websocket', 'sse', 'websocket', 'sse', 'websocket']);
    expect(exhausted).toEqual([false, false, true, true, true, true]);
  });

  it('comes back to the transport that worked', () => {
    const it = plan();
    it.worked('sse');
    expect(it.next(true)).toBe('sse');
    it.worked('websocket');
    expect(it.next(true)).toBe('websocket');
  });

  it('asks for a stream only with channels, and knows when there is nothing', () => {
    expect(plan(false, true).next(false)).toBeNull();
    expect(plan(false, true).next(true)).toBe('sse');
    expect(plan(true, false).next(true)).toBe('websocket');
    expect([plan(false, false).next(true), plan(false, false).possible]).toEqual([null, false]);
    expect(plan(false, false).exhausted).toBe(true);
  });
});

describe('Liveness', () => {
  const setup = (withAsk = true) => {
    const ask = vi.fn();
    const onDead = vi.fn();
    const liveness = new Liveness({ silenceMs: 40_000, answerMs: 10_000, onDead, ...(withAsk ? { ask } : {}) });
    liveness.start();
    return { ask, onDead, liveness };
  };

  it('asks after 40 s of silence and is dead 10 s later', () => {
    const { ask, onDead } = setup();
    vi.advanceTimersByTime(39_999);
    expect(ask).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ask).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(9_999);
    expect(onDead).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onDead).toHaveBeenCalledTimes(1);
  });

  it('counts from the last thing heard, and asks again after an answer', () => {
    const { ask, onDead, liveness } = setup();
    vi.advanceTimersByTime(30_000);
    liveness.heard();
    vi.advanceTimersByTime(39_999);
    expect(ask).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ask).toHaveBeenCalledTimes(1);
    liveness.heard();
    vi.advanceTimersByTime(40_000);
    expect(ask).toHaveBeenCalledTimes(2);
    expect(onDead).not.toHaveBeenCalled();
  });

  it('asks at once on check(), once', () => {
    const { ask, onDead, liveness } = setup();
    liveness.check();
    liveness.check();
    expect(ask).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(10_000);
    expect(onDead).toHaveBeenCalledTimes(1);
  });

  it('without a way to ask it is dead after both waits, and check() does nothing', () => {
    const { onDead, liveness } = setup(false);
    liveness.check();
    vi.advanceTimersByTime(49_999);
    expect(onDead).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onDead).toHaveBeenCalledTimes(1);
  });

  it('leaves no timer', () => {
    setup().liveness.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('Poller', () => {
  it('polls at once and every 30 s, never two at a time, and survives failures', async () => {
    let finish: () => void = () => {};
    const poll = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)));
    const onError = vi.fn();
    const poller = new Poller(poll, 30_000, onError);
    poller.start();
    poller.start();
    expect(poll).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(poll).toHaveBeenCalledTimes(1);
    finish();
    await vi.advanceTimersByTimeAsync(0);
    poll.mockImplementation(() => Promise.reject(new Error('down')));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(poll).toHaveBeenCalledTimes(2);
    expect(onError).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(poll).toHaveBeenCalledTimes(3);
    poller.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('Throttle', () => {
  const scoreboard = (n: number, type?: string, skipped?: number): BroadcastEvent => ({
    type: 'scoreboard_update', channel: '/a', timestamp: n,
    data: { scoreboard: n, ...(type ? { scoreboard_type: type } : {}) },
    ...(skipped ? { skipped } : {}),
  });
  const run = (n: number): BroadcastEvent =>
    ({ type: 'run_update', channel: '/a', timestamp: n, data: { run_id: n } });
  const setup = (windowMs = 1000) => {
    const got: string[] = [];
    const throttle = new Throttle(windowMs, ({ type, timestamp, skipped = 0 }) =>
      void got.push(`${type[0]}${timestamp}${skipped ? `+${skipped}` : ''}`));
    return { got, throttle };
  };

  it('passes the first at once, and of the scoreboards that follow only the latest', () => {
    const { got, throttle } = setup();
    [1, 2, 3, 4].forEach((n) => throttle.push(scoreboard(n)));
    expect(got).toEqual(['s1']);
    vi.advanceTimersByTime(999);
    expect(got).toEqual(['s1']);
    vi.advanceTimersByTime(1);
    expect(got).toEqual(['s1', 's4+2']);
  });

  it('drops nothing but scoreboards, and keeps the order', () => {
    const { got, throttle } = setup();
    [run(1), run(2), scoreboard(3), run(4), scoreboard(5, undefined, 7), run(6)].forEach((one) => throttle.push(one));
    vi.advanceTimersByTime(1000);
    expect(got).toEqual(['r1', 'r2', 'r4', 's5+8', 'r6']);
  });

  it('keeps contestants\' and admins\' scoreboards apart', () => {
    const { got, throttle } = setup();
    [run(1), scoreboard(2, 'admin'), scoreboard(3, 'contestant'), scoreboard(4, 'contestant')]
      .forEach((one) => throttle.push(one));
    vi.advanceTimersByTime(1000);
    expect(got).toEqual(['r1', 's2', 's4+1']);
  });

  it('spaces windows while events come, and is idle after a quiet one', () => {
    const { got, throttle } = setup();
    throttle.push(run(1));
    throttle.push(run(2));
    vi.advanceTimersByTime(1000);
    throttle.push(run(3));
    expect(got).toEqual(['r1', 'r2']);
    vi.advanceTimersByTime(1000);
    expect(got).toEqual(['r1', 'r2', 'r3']);
    vi.advanceTimersByTime(1000);
    expect(vi.getTimerCount()).toBe(0);
    throttle.push(run(4));
    expect(got).toEqual(['r1', 'r2', 'r3', 'r4']);
  });

  it('without a window everything passes, and after stop() nothing', () => {
    const { got, throttle } = setup(0);
    throttle.push(run(1));
    throttle.push(run(2));
    throttle.stop();
    throttle.push(run(3));
    expect(got).toEqual(['r1', 'r2']);
    const windowed = setup();
    windowed.throttle.push(run(1));
    windowed.throttle.push(run(2));
    windowed.throttle.stop();
    vi.advanceTimersByTime(5000);
    expect(windowed.got).toEqual(['r1']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
