// SPDX-License-Identifier: MIT
/** proto/openapi.yaml, as the page shows it. */
import { Document, fieldsOf, isObject, listOf, noteOf, objectOf, textOf, typeOf, type Field, type Json, type JsonObject } from './schema.js';

export interface Parameter extends Field {
  readonly place: string;
  readonly example: string;
}

export interface Example {
  readonly name: string;
  readonly text: string;
}

export interface Body {
  readonly type: string;
  readonly forms: readonly (readonly Field[])[];
  readonly examples: readonly Example[];
}

export interface Answer {
  readonly statuses: readonly string[];
  readonly description: string;
  readonly fields: readonly Field[];
}

export interface Operation {
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly isGuarded: boolean; // asks everybody who they are
  readonly parameters: readonly Parameter[];
  readonly body: Body | null;
  readonly answers: readonly Answer[];
}

export interface Group {
  readonly tag: string;
  readonly description: string;
  readonly server: string;
  readonly operations: readonly Operation[];
}

const METHODS = ['get', 'post', 'put', 'delete', 'options'];

export function readOpenApi(root: JsonObject): Group[] {
  const document = new Document(root);
  const operations = Object.entries(objectOf(root['paths'])).flatMap(([path, item]) =>
    METHODS.filter((method) => isObject(objectOf(item)[method]))
      .map((method) => readOperation(document, path, method, objectOf(item))));
  const servers = listOf(root['servers']).map(objectOf);
  return listOf(root['tags']).map(objectOf).map((tag) => {
    const name = textOf(tag['name']);
    return {
      tag: name,
      description: textOf(tag['description']),
      server: textOf(servers.find((one) => one['description'] === name)?.['url']),
      // Under the first of its tags only: the others say who else serves it.
      operations: operations.filter((one) => one.tags[0] === name),
    };
  });
}

function readOperation(document: Document, path: string, method: string, item: JsonObject): Operation {
  const own = document.resolve(item[method]);
  const security = listOf(own['security']).map(objectOf);
  const parameters = [...listOf(item['parameters']), ...listOf(own['parameters'])];
  return {
    key: `${method} ${path}`, method: method.toUpperCase(), path,
    tags: listOf(own['tags']).map(textOf),
    summary: textOf(own['summary']),
    description: textOf(own['description']),
    isGuarded: security.length > 0 && !security.some((one) => Object.keys(one).length === 0),
    parameters: parameters.map((raw) => readParameter(document, raw)),
    body: own['requestBody'] === undefined ? null : readBody(document, document.resolve(own['requestBody'])),
    answers: readAnswers(document, objectOf(own['responses'])),
  };
}

/** Those that say the same share a row: most errors do. */
function readAnswers(document: Document, responses: JsonObject): Answer[] {
  const rows = new Map<string, Answer & { readonly statuses: string[] }>();
  for (const [status, raw] of Object.entries(responses)) {
    const answer = document.resolve(raw);
    const description = textOf(answer['description']);
    const { fields } = readContent(document, answer);
    const key = JSON.stringify([description, fields]);
    const row = rows.get(key) ?? { statuses: [], description, fields };
    row.statuses.push(status);
    rows.set(key, row);
  }
  return [...rows.values()];
}

function readParameter(document: Document, raw: Json): Parameter {
  const own = document.resolve(raw);
  const schema = document.resolve(own['schema']);
  const example = own['example'];
  return {
    name: textOf(own['name']), place: textOf(own['in']), type: typeOf(schema), fields: [],
    isRequired: own['required'] === true,
    note: [textOf(own['description']), noteOf(schema)].filter((part) => part !== '').join(' · '),
    example: textOf(Array.isArray(example) ? example[0] : example),
  };
}

/** The first of the media types: there is never more than one. */
function readContent(document: Document, holder: JsonObject) {
  const [type = '', media] = Object.entries(objectOf(holder['content']))[0] ?? [];
  const schema = document.resolve(objectOf(media)['schema']);
  return { type, media: objectOf(media), schema, fields: fieldsOf(document, schema) };
}

function readBody(document: Document, holder: JsonObject): Body {
  const { type, media, schema } = readContent(document, holder);
  const forms = schema['oneOf'] === undefined ? [schema] : listOf(schema['oneOf']);
  return {
    type,
    forms: forms.map((form) => fieldsOf(document, document.resolve(form))),
    examples: Object.entries(objectOf(media['examples'])).map(([name, raw]) => ({
      name, text: JSON.stringify(document.resolve(raw)['value'], null, 2),
    })),
  };
}
