// SPDX-License-Identifier: MIT
/** Both descriptions, from the gateway that serves this page. */
import { parse } from 'yaml';
import { readAsyncApi, type Channel } from './asyncapi.js';
import { readOpenApi, type Group } from './openapi.js';
import { objectOf, type Json } from './schema.js';

export interface Interfaces {
  readonly channels: readonly Channel[];
  readonly groups: readonly Group[];
}

async function read(name: string) {
  const answer = await fetch(name);
  if (!answer.ok) {
    throw new Error(`${name}: ${answer.status}`);
  }
  return objectOf(parse(await answer.text()) as Json);
}

export async function loadInterfaces(): Promise<Interfaces> {
  const [asyncapi, openapi] = await Promise.all([read('asyncapi.yaml'), read('openapi.yaml')]);
  return { channels: readAsyncApi(asyncapi), groups: readOpenApi(openapi) };
}
