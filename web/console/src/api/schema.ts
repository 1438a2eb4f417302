// SPDX-License-Identifier: MIT
/** JSON Schema as far as our two descriptions use it: as rows of a table, and as an example. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface Field {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly note: string;
  readonly fields: readonly Field[];
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
export const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
export const textOf = (value: Json | undefined): string =>
  (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

/** What a `$ref` of this document stands for; anything else as it is. */
export class Document {
  constructor(readonly root: JsonObject) {}

  resolve(value: Json | undefined): JsonObject {
    let found = objectOf(value);
    for (let steps = 0; typeof found['$ref'] === 'string' && steps < 8; steps += 1) {
      found = objectOf(this.at(found['$ref']));
    }
    return found;
  }

  /** `#/components/schemas/A` */
  private at(pointer: string): Json | undefined {
    let place: Json | undefined = this.root;
    for (const part of pointer.replace(/^#\//, '').split('/')) {
      place = objectOf(place)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
    }
    return place;
  }
}

export function typeOf(schema: JsonObject): string {
  if (schema['const'] !== undefined) {
    return JSON.stringify(schema['const']);
  }
  if (Array.isArray(schema['enum'])) {
    return schema['enum'].map((one) => JSON.stringify(one)).join(' | ');
  }
  if (Array.isArray(schema['type'])) {
    return schema['type'].map(textOf).join(' | ');
  }
  return textOf(schema['type']) || 'any';
}

/** Its description, and what bounds it. */
export function noteOf(schema: JsonObject): string {
  const bounds = [
    ['minLength', (n: string) => (n === '1' ? 'not empty' : `at least ${n} characters`)],
    ['maxLength', (n: string) => `at most ${n} characters`],
    ['minimum', (n: string) => `at least ${n}`],
    ['pattern', (n: string) => `matches ${n}`],
  ] as const;
  const limits = bounds.filter(([key]) => schema[key] !== undefined)
    .map(([key, say]) => say(textOf(schema[key])));
  return [textOf(schema['description']), limits.join(', ')].filter((part) => part !== '').join(' · ');
}

export function fieldsOf(document: Document, schema: JsonObject): Field[] {
  const required = listOf(schema['required']);
  return Object.entries(objectOf(schema['properties'])).map(([name, raw]) => {
    const own = document.resolve(raw);
    return {
      name, type: typeOf(own), isRequired: required.includes(name), note: noteOf(own),
      fields: fieldsOf(document, own),
    };
  });
}

/** A value that fits: the schema's own example where there is one, and only what must be there. */
export function sampleOf(document: Document, raw: Json | undefined): Json {
  const schema = document.resolve(raw);
  const given = schema['example'] ?? listOf(schema['examples'])[0] ?? schema['const']
    ?? listOf(schema['enum'])[0];
  if (given !== undefined) {
    return given;
  }
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type'];
  switch (type) {
    case 'string': return 'text';
    case 'integer': case 'number': return schema['minimum'] ?? 0;
    case 'boolean': return true;
    case 'array': return [];
    default: return sampleObject(document, schema);
  }
}

function sampleObject(document: Document, schema: JsonObject): JsonObject {
  const required = listOf(schema['required']).map(textOf);
  const properties = objectOf(schema['properties']);
  return Object.fromEntries(required.map((name) => [name, sampleOf(document, properties[name])]));
}
