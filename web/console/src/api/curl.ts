// SPDX-License-Identifier: MIT
/** A request of the description as an address, and as a line for a shell. */
import type { Operation, Parameter } from './openapi.js';

export type Values = Readonly<Record<string, string>>;

/** Absent: not given, or given as "". */
const valueOf = (one: Parameter, values: Values) => values[one.name] ?? one.example;

export function addressOf(operation: Operation, values: Values = {}): string {
  const given = operation.parameters.filter((one) => valueOf(one, values) !== '');
  let path = operation.path;
  for (const one of given.filter(({ place }) => place === 'path')) {
    path = path.replace(`{${one.name}}`, encodeURIComponent(valueOf(one, values)));
  }
  const query = given.filter(({ place }) => place === 'query')
    .map((one) => `${encodeURIComponent(one.name)}=${encodeURIComponent(valueOf(one, values))}`);
  return query.length > 0 ? `${path}?${query.join('&')}` : path;
}

export function headersOf(operation: Operation, values: Values = {}): [string, string][] {
  return operation.parameters.filter((one) => one.place === 'header' && valueOf(one, values) !== '')
    .map((one) => [one.name, valueOf(one, values)]);
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function curlOf(operation: Operation, server: string): string {
  const parts = ['curl'];
  if (operation.method !== 'GET' && !(operation.method === 'POST' && operation.body)) {
    parts.push('-X', operation.method);
  }
  if (operation.isGuarded) {
    parts.push('--cert client.pem --key client.key');
  }
  for (const [name, value] of headersOf(operation)) {
    parts.push('-H', quoted(`${name}: ${value}`));
  }
  const example = operation.body?.examples[0];
  if (example) {
    parts.push('-d', quoted(JSON.stringify(JSON.parse(example.text))));
  }
  return [...parts, quoted(server + addressOf(operation))].join(' ');
}
