// SPDX-License-Identifier: MIT
/** useEventStream in a real component, rendered to plain objects instead of a page. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createRenderer, defineComponent, effectScope, ref, type App, type MaybeRefOrGetter,
} from 'vue';
import { EventService, readScoreboard } from '../src/index.js';
import { EVENT_SERVICE, useEventStream, type EventStream, type EventStreamOptions } from '../src/vue.js';
import { event, FakeGateway, FakePage, settle } from './fakes.js';

const A = '/contest/annual-2024';

const { createApp } = createRenderer<object, object>({
  createElement: () => ({}), createText: () => ({}), createComment: () => ({}),
  insert: () => {}, remove: () => {}, patchProp: () => {}, setText: () => {}, setElementText: () => {},
  parentNode: () => null, nextSibling: () => null,
});

/** Mounts a component that uses the stream. */
function mount(
  options: EventStreamOptions<any> = {},
  prepare: (app: App<object>) => void = () => {},
  alias: MaybeRefOrGetter<string> = 'annual-2024',
) {
  let stream!: EventStream<any>;
  const app = createApp(defineComponent({
    setup() {
      stream = useEventStream<any>(alias, options);
      return () => null;
    },
  }));
  prepare(app);
  app.mount({});
  return { stream, unmount: () => app.unmount() };
}

function open(options: EventStreamOptions<any> = {}) {
  const gateway = new FakeGateway({ fetch: null, token: 'T' });
  const all = mount({ throttle: 0, ...gateway.options, ...options });
  gateway.socket.accept().confirmAuth();
  gateway.socket.confirm(A);
  return { gateway, ...all };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('useEventStream', () => {
  it('with an alias alone follows the page\'s own gateway by the browser\'s cookie', () => {
    const gateway = new FakeGateway();
    vi.stubGlobal('location', { href: 'https://judge.test/arena/' });
    vi.stubGlobal('WebSocket', gateway.options.WebSocket);
    const { stream, unmount } = mount();
    expect(gateway.socket.url).toBe('wss://judge.test/events/');
    gateway.socket.accept();
    expect(gateway.socket.sent.map(({ type, channel }) => [type, channel])).toEqual([['subscribe', A]]);
    expect(stream.status.value).toBe('open');
    unmount();
  });

  it('shows status, runs and clarifications; a newer one replaces the older in its place', () => {
    const { gateway, stream } = open();
    const say = (type: string, offset: number, data: object) =>
      gateway.socket.say(event(A, offset, { type, data }));
    say('run_update', 1, { guid: 'a', verdict: 'JE' });
    say('run_update', 2, { run_id: 7, verdict: 'WA' });
    say('run_update', 3, { guid: 'a', verdict: 'AC' });
    say('clarification', 4, { clarification_id: 1, message: 'why?', answer: null });
    say('clarification', 5, { clarification_id: 2, message: 'how?' });
    say('clarification', 6, { clarification_id: 1, message: 'why?', answer: 'so' });
    expect(stream.runs.value.map(({ verdict }) => verdict)).toEqual(['AC', 'WA']);
    expect(stream.clarifications.value.map(({ answer }) => answer)).toEqual(['so', undefined]);
    expect([stream.status.value, stream.connection.value?.username]).toEqual(['open', 'ana']);
  });

  it('keeps the newest up to its limit', () => {
    const { gateway, stream } = open({ limit: 2 });
    [1, 2, 3].forEach((n) => gateway.socket.say(event(A, n)));
    expect(stream.runs.value.map(({ run_id }) => run_id)).toEqual([2, 3]);
  });

  it('takes a scoreboard from the event; once an admin\'s came, contestants\' are ignored', () => {
    const { gateway, stream } = open();
    const say = (n: number, type: string) => gateway.socket.say(
      event(A, n, { type: 'scoreboard_update', data: { scoreboard_type: type, scoreboard: { n } } }),
    );
    say(1, 'contestant');
    expect(stream.scoreboard.value).toEqual({ n: 1 });
    say(2, 'admin');
    say(3, 'contestant');
    expect(stream.scoreboard.value).toEqual({ n: 2 });
  });

  it('takes a scoreboard that is the data itself, as the demo posts it', () => {
    const { gateway, stream } = open();
    const data = { contest_alias: 'annual-2024', ranking: [{ place: 1, username: 'ana', points: 100 }] };
    gateway.socket.say(event(A, 1, { type: 'scoreboard_update', data }));
    expect(stream.scoreboard.value).toEqual(data);
    expect(readScoreboard(stream.scoreboard.value)?.rows[0]).toMatchObject({ username: 'ana', points: 100 });
  });

  it('follows another contest when the alias changes, and shows nothing of the former', async () => {
    const alias = ref('annual-2024');
    const gateway = new FakeGateway({ fetch: null, token: 'T' });
    const { stream } = mount({ throttle: 0, ...gateway.options }, undefined, alias);
    const socket = gateway.socket.accept();
    socket.confirm(A);
    socket.say(event(A, 1));
    socket.say(event(A, 2, { type: 'scoreboard_update', data: { scoreboard: { n: 1 } } }));
    alias.value = 'finals';
    expect([stream.runs.value, stream.scoreboard.value]).toEqual([[], null]);
    expect(socket.last('unsubscribe')['channel']).toBe(A);
    socket.confirm('/contest/finals');
    socket.say(event('/contest/finals', 1));
    expect(stream.runs.value).toHaveLength(1);
  });

  it('a getter is as good as a ref', () => {
    const gateway = new FakeGateway({ fetch: null });
    mount(gateway.options, undefined, () => 'finals');
    expect(gateway.socket.accept().last('subscribe')['channel']).toBe('/contest/finals');
  });

  it('says in its status that the contest is refused, also to who comes later', async () => {
    const gateway = new FakeGateway({ fetch: null });
    const service = new EventService(gateway.options);
    service.connect('T');
    gateway.socket.accept().confirmAuth();
    const first = mount({ service });
    gateway.socket.refuse(A, 'forbidden');
    const second = mount({ service });
    await settle();
    expect([first.stream.status.value, second.stream.status.value]).toEqual(['refused', 'refused']);
    expect(second.stream.error.value).toMatchObject({ code: 'forbidden', channel: A });
  });

  it('works at the hundredth mount as at the first', () => {
    const page = new FakePage();
    const gateway = new FakeGateway({ fetch: null });
    const service = new EventService(gateway.options);
    service.connect('T');
    const socket = gateway.socket.accept();
    for (let turn = 1; turn <= 100; turn += 1) {
      const { stream, unmount } = mount({ service, throttle: 0 });
      socket.confirm(A);
      socket.say(event(A, turn));
      expect(stream.runs.value).toHaveLength(1);
      unmount();
    }
    service.close();
    expect([page.listeners, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('says so when the judge answers with something that is no JSON', async () => {
    vi.stubGlobal('fetch', async () =>
      new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }));
    const { gateway, stream } = open();
    gateway.socket.say(event(A, 1, { type: 'scoreboard_update', data: {} }));
    await settle();
    expect(stream.error.value?.message).toContain('no JSON (text/html)');
  });

  it('a fetch that never ends is told', async () => {
    const { stream } = open({ fetchScoreboard: () => new Promise(() => {}) });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(stream.error.value?.code).toBe('scoreboard_failed');
  });

  it('fetches it with the given function: at first, when it changed, and after a reset', async () => {
    let n = 0;
    const fetchScoreboard = vi.fn(async () => ({ n: (n += 1) }));
    const { gateway, stream } = open({ fetchScoreboard });
    await settle();
    expect(stream.scoreboard.value).toEqual({ n: 1 });
    gateway.socket.say(event(A, 1, { type: 'scoreboard_update', data: { scoreboard_url: '/x' } }));
    await settle();
    expect(stream.scoreboard.value).toEqual({ n: 2 });
    gateway.socket.say({ type: 'reset', channel: A, position: 'F:0' });
    await settle();
    expect(stream.scoreboard.value).toEqual({ n: 3 });
    expect(fetchScoreboard).toHaveBeenCalledWith('annual-2024');
  });

  it('a slow fetch does not overwrite a newer scoreboard', async () => {
    let finish: (value: unknown) => void = () => {};
    const { gateway, stream } = open({ fetchScoreboard: () => new Promise((resolve) => (finish = resolve)) });
    gateway.socket.say(event(A, 1, { type: 'scoreboard_update', data: { scoreboard: 'new' } }));
    finish('old');
    await settle();
    expect(stream.scoreboard.value).toBe('new');
  });

  it.each([
    ['/api/contest/scoreboard/?token=x', '/api/contest/scoreboard/?token=x'],
    ['https://elsewhere.test/', '/api/contest/scoreboard/?contest_alias=annual-2024'],
    ['//elsewhere.test/', '/api/contest/scoreboard/?contest_alias=annual-2024'],
    [undefined, '/api/contest/scoreboard/?contest_alias=annual-2024'],
  ])('without a function %s is fetched as %s', async (given, asked) => {
    const judge = vi.fn(async () => new Response('{"n":1}'));
    vi.stubGlobal('fetch', judge);
    const { gateway, stream } = open();
    gateway.socket.say(event(A, 1, { type: 'scoreboard_update', data: { scoreboard_url: given } }));
    await settle();
    expect(judge.mock.calls).toEqual([[asked]]);
    expect(stream.scoreboard.value).toEqual({ n: 1 });
  });

  it('shows a failed fetch and refusals as values', async () => {
    vi.stubGlobal('fetch', async () => new Response('no', { status: 500 }));
    const { gateway, stream } = open();
    gateway.socket.say(event(A, 1, { type: 'scoreboard_update', data: {} }));
    await settle();
    expect(stream.error.value).toMatchObject({ code: 'scoreboard_failed' });
    gateway.socket.say({ type: 'revoked', channel: A });
    expect(stream.error.value).toMatchObject({ code: 'revoked', channel: A });
  });

  it('updates the screen once a second by default', () => {
    const { gateway, stream } = open({ throttle: undefined });
    [1, 2, 3].forEach((n) => gateway.socket.say(event(A, n)));
    expect(stream.runs.value).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(stream.runs.value).toHaveLength(3);
  });

  it('polls for the scoreboard where nothing can be opened', async () => {
    const fetchScoreboard = vi.fn(async () => 'board');
    const { stream, unmount } = mount({ url: 'wss://j.test/', WebSocket: null, fetch: null, fetchScoreboard });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(fetchScoreboard).toHaveBeenCalledTimes(3);
    expect([stream.status.value, stream.connection.value?.transport]).toEqual(['waiting', 'polling']);
    unmount();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves nothing behind when unmounted', async () => {
    const page = new FakePage();
    let finish: (value: unknown) => void = () => {};
    const { gateway, stream, unmount } = open({
      fetchScoreboard: () => new Promise((resolve) => (finish = resolve)),
    });
    unmount();
    finish('late');
    await settle();
    expect([vi.getTimerCount(), page.listeners, gateway.socket.closedWith]).toEqual([0, 0, 1000]);
    expect([stream.status.value, stream.scoreboard.value]).toEqual(['closed', null]);
  });

  it('shares a provided service, and unmounting ends its own subscription alone', () => {
    const gateway = new FakeGateway({ fetch: null });
    const service = new EventService(gateway.options);
    const other = vi.fn();
    service.subscribe('/user/ana', other);
    service.connect('T');
    const { stream, unmount } = mount({}, (app) => app.provide(EVENT_SERVICE, service));
    const socket = gateway.socket.accept();
    expect(gateway.sockets).toHaveLength(1);
    socket.confirm(A);
    socket.confirm('/user/ana');
    socket.refuse('/user/ana', 'forbidden');
    expect([stream.status.value, stream.error.value]).toEqual(['open', null]);
    unmount();
    expect(socket.last('unsubscribe')['channel']).toBe(A);
    expect([socket.closedWith, service.state]).toEqual([null, 'open']);
    service.close();
    expect(stream.status.value).toBe('open');
  });

  it('works in a scope of its own, outside a component', () => {
    const gateway = new FakeGateway({ fetch: null });
    const scope = effectScope();
    const stream = scope.run(() => useEventStream('annual-2024', gateway.options))!;
    gateway.socket.accept();
    expect(stream.status.value).toBe('open');
    scope.stop();
    expect([stream.status.value, vi.getTimerCount()]).toEqual(['closed', 0]);
  });
});
