// SPDX-License-Identifier: MIT
/** The API page reads the descriptions that the gateway serves: here the real ones, from proto/. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readAsyncApi } from '../src/api/asyncapi.js';
import { addressOf, curlOf, headersOf } from '../src/api/curl.js';
import { readOpenApi } from '../src/api/openapi.js';
import { Document, fieldsOf, objectOf, sampleOf, type Json, type JsonObject } from '../src/api/schema.js';

const proto = join(dirname(fileURLToPath(import.meta.url)), '../../../proto');
const described = (name: string): JsonObject =>
  objectOf(parse(readFileSync(join(proto, name), 'utf8')) as Json);

const asyncapi = described('asyncapi.yaml');
const channels = readAsyncApi(asyncapi);
const groups = readOpenApi(described('openapi.yaml'));
const operation = (key: string) => groups.flatMap((one) => one.operations).find((one) => one.key === key)!;

describe('the description of the events', () => {
  test('says what a client sends and what it gets', () => {
    expect(channels.map((one) => one.address)).toEqual(['/events/', '/events/?filter={filters}', '/ws/events']);
    const [events] = channels;
    expect(events!.fromClient.map((one) => one.name)).toEqual(['auth', 'subscribe', 'unsubscribe', 'ping', 'alive']);
    expect(events!.toClient.map((one) => one.name)).toContain('run_update');
  });

  test('no message is left out', () => {
    const shown = channels.flatMap((one) => [...one.fromClient, ...one.toClient]).map((one) => one.name);
    expect(shown.sort()).toEqual(Object.keys(objectOf(objectOf(asyncapi['components'])['messages'])).sort());
  });

  test('the examples can be sent as they stand', () => {
    const samples = Object.fromEntries(channels[0]!.fromClient.map((one) => [one.name, JSON.parse(one.sample) as Json]));
    expect(samples['auth']).toEqual({ type: 'auth', token: 'token-ana' });
    expect(samples['subscribe']).toEqual({ type: 'subscribe', channel: '/contest/annual-2024' });
    expect(samples['alive']).toBe('ping');
  });

  test('fields say what they are and whether they must be there', () => {
    const subscribe = channels[0]!.fromClient.find((one) => one.name === 'subscribe')!;
    expect(subscribe.fields.map((one) => [one.name, one.type, one.isRequired])).toEqual([
      ['type', '"subscribe"', true], ['channel', 'string', true], ['position', 'string', false],
      ['id', 'string | number', false]]);
    expect(subscribe.fields[1]!.note).toMatch(/^\/contest\/A, .* · matches \^/);
  });
});

describe('the description of HTTP', () => {
  test('every operation stands in one group', () => {
    expect(groups.map((one) => one.tag)).toEqual(['publisher', 'gateway', 'admin']);
    const keys = groups.flatMap((one) => one.operations).map((one) => one.key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toContain('post /broadcast/');
    expect(keys).toContain('get /console/metrics');
    expect(keys).toContain('post /deauthenticate/{user}'); // written with an alias of YAML
  });

  test('both forms of a broadcast, their examples and all answers', () => {
    const broadcast = operation('post /broadcast/');
    expect(broadcast.body!.forms.map((form) => form[0]!.name)).toEqual(['type', 'contest']);
    expect(broadcast.body!.examples.map((one) => one.name)).toEqual(['documented', 'grader']);
    expect(broadcast.answers.map((one) => one.statuses.join(' '))).toEqual(['200', '400 401 403 405 409 413 422 503']);
    expect(broadcast.answers[0]!.fields.map((one) => one.name)).toEqual(['status', 'id', 'topics', 'channels', 'warnings', 'dry_run']);
    expect(broadcast.isGuarded).toBe(true);
    expect(operation('get /events/').isGuarded).toBe(false); // a stream of public channels asks nobody
  });
});

describe('requests', () => {
  test('a line for the shell holds body, certificate and method', () => {
    const line = curlOf(operation('post /broadcast/'), 'https://publisher.example:32672');
    expect(line).toMatch(/^curl --cert client.pem --key client.key -d '\{"type":"run_update",/);
    expect(line).toMatch(/'https:\/\/publisher.example:32672\/broadcast\/'$/);
    expect(curlOf(operation('delete /scoreboard/{token}'), '')).toMatch(/^curl -X DELETE .*'\/scoreboard\/Board2024'$/);
  });

  test('a quote inside does not end the argument', () => {
    const broadcast = operation('post /broadcast/');
    const tricky = { ...broadcast, body: { ...broadcast.body!, examples: [{ name: 'a', text: '{"a":"it\'s"}' }] } };
    expect(curlOf(tricky, '')).toContain(`-d '{"a":"it'\\''s"}'`);
  });

  test('parameters go where they belong, and what is empty nowhere', () => {
    const stream = operation('get /events/');
    expect(addressOf(stream)).toBe('/events/?channel=%2Fcontest%2Fannual-2024');
    expect(addressOf(stream, { channel: '', lastEventId: 'a b' })).toBe('/events/?lastEventId=a%20b');
    expect(headersOf(stream)).toEqual([['Accept', 'text/event-stream']]);
    expect(addressOf(operation('get /console/{file}'), { file: 'a/b' })).toBe('/console/a%2Fb');
  });
});

describe('schemas', () => {
  const document = new Document({ defs: { 'a/b': { type: 'string', examples: ['x'] }, loop: { $ref: '#/defs/loop' } } });

  test('references are followed, also one that leads nowhere or to itself', () => {
    expect(sampleOf(document, { $ref: '#/defs/a~1b' })).toBe('x');
    expect(document.resolve({ $ref: '#/nothing/here' })).toEqual({});
    expect(document.resolve({ $ref: '#/defs/loop' })).toEqual({ $ref: '#/defs/loop' });
  });

  test('an object without an example holds what it must', () => {
    const schema = { type: 'object', required: ['a', 'n'], properties: { a: { const: 1 }, b: {}, n: { type: 'integer', minimum: 3 } } };
    expect(sampleOf(document, schema)).toEqual({ a: 1, n: 3 });
    expect(fieldsOf(document, schema).map((one) => one.type)).toEqual(['1', 'any', 'integer']);
  });
});
