// SPDX-License-Identifier: MIT
/** proto/asyncapi.yaml, as the page shows it. */
import { Document, fieldsOf, isObject, listOf, noteOf, objectOf, sampleOf, textOf, type Field, type Json, type JsonObject } from './schema.js';

export interface Message {
  readonly name: string;
  readonly summary: string;
  readonly note: string;
  readonly fields: readonly Field[];
  readonly sample: string;
}

export interface Channel {
  readonly name: string;
  readonly address: string;
  readonly description: string;
  readonly parameters: readonly { readonly name: string; readonly note: string }[];
  readonly fromClient: readonly Message[];
  readonly toClient: readonly Message[];
}

export function readAsyncApi(root: JsonObject): Channel[] {
  const document = new Document(root);
  const operations = Object.values(objectOf(root['operations'])).map(objectOf);
  return Object.entries(objectOf(root['channels'])).map(([name, raw]) => {
    const channel = objectOf(raw);
    // The description is the gateway's: what it receives is what a client sends.
    const messages = (action: string) => operations
      .filter((one) => one['action'] === action && refersTo(one['channel'], name))
      .flatMap((one) => listOf(one['messages']))
      .map((message) => readMessage(document, message));
    return {
      name,
      address: textOf(channel['address']),
      description: textOf(channel['description']),
      parameters: Object.entries(objectOf(channel['parameters'])).map(([parameter, own]) => ({
        name: parameter, note: textOf(objectOf(own)['description']),
      })),
      fromClient: messages('receive'),
      toClient: messages('send'),
    };
  });
}

function refersTo(reference: Json | undefined, channel: string): boolean {
  return isObject(reference) && reference['$ref'] === `#/channels/${channel}`;
}

function readMessage(document: Document, raw: Json): Message {
  const reference = textOf(objectOf(raw)['$ref']);
  const message = document.resolve(raw);
  const payload = document.resolve(message['payload']);
  return {
    name: reference.slice(reference.lastIndexOf('/') + 1),
    summary: textOf(message['summary']),
    note: noteOf(payload),
    fields: fieldsOf(document, payload),
    sample: JSON.stringify(sampleOf(document, payload)),
  };
}
