// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { besidePage } from '../src/common/address.js';
import { formatBytes, formatDuration, formatElapsed, formatRate } from '../src/common/format.js';
import { parseRoute, withoutToken } from '../src/common/route.js';
import { niceCeiling, paths } from '../src/gateway/plot.js';
import { meanMs, NO_SERIES, toReading, withReading, withSeen, type Reading, type Seen } from '../src/gateway/readings.js';
import { en } from '../src/i18n/en.js';
import { es } from '../src/i18n/es.js';
import { chooseLocale, translator } from '../src/i18n/index.js';
import { pt } from '../src/i18n/pt.js';
import { toChannel } from '../src/live/channels.js';
import { itemKey, toItem, verdictTone, withChannels, withItems } from '../src/live/feed.js';
import { sincePosted } from '../src/live/latency.js';
import { localAddress, toBoard } from '../src/live/scoreboard.js';
import { countCharacters, parseTimestamp } from '../src/room/room.js';

describe('languages', () => {
  test.each([[['pt-BR', 'en'], 'pt-BR'], [['fr', 'es-419'], 'es-419'], [['de'], 'en'], [[], 'en'],
    [['EN-gb'], 'EN-gb']])('%j are served in %s', (wanted, expected) => {
    expect(chooseLocale(wanted)).toBe(expected);
  });

  test.each([['pt', pt], ['es', es]])('%s fills in the same values everywhere', (_, texts) => {
    const values = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, text] of Object.entries(en)) {
      expect(values(texts[key as keyof typeof en]), key).toEqual(values(text));
    }
  });

  test('a text is filled in once, whatever is filled in', () => {
    expect(translator('pt-BR')('error.not_found', { channel: '{channel}$&' })).toBe('Canal não encontrado: {channel}$&');
  });
});

describe('addresses', () => {
  test('name a view, channels, and a token', () => {
    expect(parseRoute('#/live?channel=/contest/a&channel=/user/ana&token=a%2Bb'))
      .toEqual({ view: 'live', channels: ['/contest/a', '/user/ana'], token: 'a+b' });
    expect(parseRoute('#/room')).toEqual({ view: 'room', channels: [], token: '' });
    expect(parseRoute('#/nonsense').view).toBe('live');
    expect(parseRoute('').view).toBe('live');
  });

  test('lose only their token', () => {
    expect(withoutToken('#/live?channel=/contest/a&token=T')).toBe('#/live?channel=/contest/a');
    expect(withoutToken('#/live?token=T')).toBe('#/live');
    expect(withoutToken('#/room')).toBe('#/room');
  });

  test('of the gateway stand beside the page, behind any proxy', () => {
    expect(besidePage('events/', 'https://h/console/#/live')).toBe('https://h/events/');
    expect(besidePage('ws/events', 'https://h/live/console/index.html')).toBe('https://h/live/ws/events');
  });
});

test.each([
  ['annual-2024', '/contest/annual-2024'], ['group:c', '/contest/group:c'], ['/user/omi:ana', '/user/omi:ana'],
  [' /contest/a/admin/ ', '/contest/a/admin'], ['problem/sum-two', '/problem/sum-two'],
  ['/scoreboard/AbC', '/scoreboard/AbC'], ['', null], ['/contest/', null], ['/all-events', null],
  ['a b', null], ['/scoreboard/a-b', null], ['/contest/a/b', null],
])('typed %j is the channel %s', (text, channel) => {
  expect(toChannel(text)).toBe(channel);
});

describe('latency', () => {
  test('of whole seconds is a bound, of fractions exact', () => {
    expect(sincePosted(100, 100_400)).toEqual({ ms: 400, isExact: false });
    expect(sincePosted(100.25, 100_400)).toEqual({ ms: 150, isExact: true });
  });

  test.each([[101, 100_000], [100, 4_000_000], [NaN, 1], [Infinity, 1]])(
    'is not told when the clocks disagree: %d at %d ms', (timestamp, now) => {
      expect(sincePosted(timestamp, now)).toBeNull();
    });
});

describe('scoreboards', () => {
  const grader = {
    scoreboard_type: 'contestant',
    scoreboard: {
      problems: [{ alias: 'p', order: 1 }],
      ranking: [
        { username: 'ana', place: 1, total: { points: 100, penalty: 3 }, problems: [{ alias: 'p', points: 100, runs: 2 }] },
        { username: 'beto', place: 2, total: { points: 0, penalty: 0 }, problems: [] }],
    },
  };

  test('come as the grader sends them', () => {
    expect(toBoard(grader)).toEqual({
      title: '', startS: null, finishS: null, freezeS: null, problems: ['p'], hasPenalty: true, rows: [
        {
          username: 'ana', name: 'ana', school: '', country: '', place: 1, points: 100, penalty: 3, climbed: 0, moved: 0, scored: false,
          cells: [{ points: 100, tries: 2, pending: 0, time: null, solved: true, first: false }],
        },
        {
          username: 'beto', name: 'beto', school: '', country: '', place: 2, points: 0, penalty: 0, climbed: 0, moved: 0,
          scored: false, cells: [null],
        }],
    });
  });

  test('or as a plain ranking, and then tell who moved', () => {
    const next = toBoard({ ranking: [{ username: 'beto', points: 150 }, { username: 'ana', points: 100 }] }, toBoard(grader))!;
    expect(next.hasPenalty).toBe(false);
    expect(next.rows.map(({ name, place, climbed, scored }) => [name, place, climbed, scored]))
      .toEqual([['beto', 1, 1, true], ['ana', 2, -1, false]]);
  });

  test('keep the rows of which nothing changed, so that they are not drawn again', () => {
    const board = (points: number) => ({ ranking: [{ username: 'ana', points: 9 }, { username: 'beto', points }] });
    const first = toBoard(board(1))!;
    const second = toBoard(board(2), first)!;
    expect(second.rows.map((row, index) => row === first.rows[index])).toEqual([true, false]);
    const third = toBoard(board(2), second)!; // beto no longer counts as having just scored
    expect(third.rows.map((row) => row.scored)).toEqual([false, false]);
    expect(toBoard(board(2), third)!.rows.every((row, index) => row === third.rows[index])).toBe(true);
  });

  test.each([null, 3, 'x', {}, { ranking: 7 }, { scoreboard: null }])('%j is none', (data) => {
    expect(toBoard(data)).toBeNull();
  });

  test('with nonsense in them are still shown', () => {
    expect(toBoard({ ranking: [null, { username: 7 }] })!.rows.map((row) => row.name)).toEqual(['#1', '#2']);
  });

  test.each([['/api/x', '/api/x'], ['//evil/x', null], ['/\\evil', null], ['https://evil/', null], [3, null]])(
    'are fetched from %j as %s', (url, address) => {
      expect(localAddress(url)).toBe(address);
    });
});

describe('the feed', () => {
  const run = (guid: string, verdict: string) => toItem(
    { type: 'run_update', channel: '/contest/a', timestamp: 1, id: `${guid}${verdict}`, data: { guid, verdict } }, 1, 1500);

  test('shows a verdict judged anew once, on top', () => {
    const items = withItems(withItems([], [run('a', 'WA'), run('b', 'AC')]), [run('a', 'AC')]);
    expect(withItems([], [run('a', 'WA'), run('b', 'AC'), run('a', 'AC')])).toEqual(items);
    expect(items.map((item) => item.data)).toEqual([{ guid: 'a', verdict: 'AC' }, { guid: 'b', verdict: 'AC' }]);
  });

  test('keeps the newest hundred', () => {
    let items: ReturnType<typeof run>[] = [];
    for (let n = 0; n < 120; n += 1) {
      items = withItems(items, [run(String(n), 'AC')]);
    }
    expect([items.length, items[0]!.key]).toEqual([100, 'run_update:119']);
  });

  test('notes another channel of the same event, and leaves other lists alone', () => {
    const items = [run('a', 'AC')];
    expect(withChannels(items, new Map([['run_update:a', ['/user/ana', '/contest/a']]]))[0]!.channels)
      .toEqual(['/contest/a', '/user/ana']);
    expect(withChannels(items, new Map([['other', ['/user/ana']]]))).toBe(items);
  });

  test('tells apart what has no name', () => {
    const event = { type: 'message', channel: '/contest/a', timestamp: 1, data: 'x' } as const;
    expect(itemKey(event, 1)).not.toBe(itemKey(event, 2));
    expect(itemKey({ ...event, id: 'E' }, 1)).toBe('E');
  });

  test.each([['AC', 'good'], ['PA', 'partial'], ['', 'open'], ['JE', 'open'], ['TLE', 'bad'], ['new one', 'bad']])(
    'colours %j as %s', (verdict, tone) => {
      expect(verdictTone(verdict)).toBe(tone);
    });
});

describe('readings', () => {
  const answer = { time: 100, version: '1', connections_active: 3, messages_sent: 10, queue_bytes: 5, redis_up: 1,
    loop_lag: { count: 10, sum: 0.01 }, publish_to_write: { count: 0, sum: 0 } };
  const at = (change: object): Reading => toReading({ ...answer, ...change })!;

  test('two of them make a rate and a mean', () => {
    const first = at({});
    const second = at({ time: 102, messages_sent: 30, loop_lag: { count: 14, sum: 0.018 } });
    const series = withReading(withReading(NO_SERIES, null, first, 60), first, second, 60);
    expect(series.connections.map((point) => point.value)).toEqual([3, 3]);
    expect(series.rate).toEqual([{ timeS: 102, value: 10 }]);
    expect(series.lag[0]!.value).toBeCloseTo(2);
  });

  test('of another process make no rate', () => {
    expect(withReading(NO_SERIES, at({}), at({ time: 102, messages_sent: 0 }), 60).rate).toEqual([]);
  });

  test('of several gateways behind one address are kept apart', () => {
    const readings = ['a', 'b', 'a'].map((instance, n) =>
      at({ instance, time: 100 + n, messages_sent: instance === 'a' ? 10 + n : 9000 }));
    const seen = readings.reduce<Seen[]>((all, one) => withSeen(all, one, 60), []);
    expect(seen.map((one) => [one.reading.instance, one.series.rate.map((point) => point.value)]))
      .toEqual([['a', [1]], ['b', []]]);
    expect(withSeen(seen, at({ instance: 'c', time: 161.5 }), 60).map((one) => one.reading.instance)).toEqual(['a', 'c']);
  });

  test('go when they are too old', () => {
    const old = withReading(NO_SERIES, null, at({}), 60);
    expect(withReading(old, at({}), at({ time: 161 }), 60).connections.map((point) => point.timeS)).toEqual([161]);
  });

  test.each([null, 'x', {}, { time: 'x', connections_active: 1 }])('%j is none', (value) => {
    expect(toReading(value)).toBeNull();
  });

  test('nothing between two has no mean', () => {
    expect(meanMs({ count: 1, sum: 1 }, { count: 1, sum: 1 })).toBeNull();
  });
});

describe('plots', () => {
  const box = { width: 300, height: 90, spanS: 30 };

  test.each([[0, 1], [0.3, 0.5], [1, 1], [1.1, 2], [3, 5], [7, 10], [120, 200], [1000, 1000]])(
    'of %d reach to %d', (value, top) => {
      expect(niceCeiling(value)).toBeCloseTo(top);
    });

  test('end at the right edge', () => {
    expect(paths([{ timeS: 85, value: 0 }, { timeS: 100, value: 5 }], 10, box))
      .toEqual({ line: 'M150 90L300 45', area: 'M150 90L300 45L300 90L150 90Z' });
  });

  test('of one point are a dot, of none empty', () => {
    expect(paths([{ timeS: 85, value: 10 }], 10, box).line).toBe('M300 0L300 0');
    expect(paths([], 10, box)).toEqual({ line: '', area: '' });
  });
});

test('numbers are short', () => {
  expect([formatRate(0.1234), formatRate(12.34), formatRate(1234.5)]).toEqual(['0.12', '12.3', '1,235']);
  expect([formatDuration(0.42), formatDuration(1250)]).toEqual(['0.42 ms', '1.25 s']);
  expect([formatBytes(0), formatBytes(1536), formatBytes(5 * 2 ** 30)]).toEqual(['0 B', '1.5 KiB', '5 GiB']);
  expect([formatElapsed(7_900), formatElapsed(754_000), formatElapsed(3_723_000)]).toEqual(['0:07', '12:34', '1:02:03']);
});

test('the room counts characters and reads times as the gateway does', () => {
  expect(countCharacters('a😀é')).toBe(3);
  expect(parseTimestamp('2026-01-16T14:30:00.123456')).toBe(Date.UTC(2026, 0, 16, 14, 30, 0, 123));
  expect(parseTimestamp(undefined)).toBeGreaterThan(0);
});
