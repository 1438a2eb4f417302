// SPDX-License-Identifier: MIT
/** Where the picture of a country's flag is; the pictures come from an npm package when the page is built. */
const files: Readonly<Record<string, string>> = import.meta.glob(
  '../../../node_modules/flag-icons/flags/4x3/??.svg', { query: '?url', import: 'default', eager: true },
);

const byCountry = new Map(
  Object.entries(files).map(([path, address]) => [path.slice(-'xx.svg'.length, -'.svg'.length), address]),
);

/** Null: there is no such flag. */
export function flagOf(country: string): string | null {
  return byCountry.get(country) ?? null;
}
