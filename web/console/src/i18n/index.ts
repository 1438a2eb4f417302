// SPDX-License-Identifier: MIT
/** The page's language: the first of the browser's that we have, else English. */
import { en, type MessageKey } from './en.js';
import { es } from './es.js';
import { pt } from './pt.js';

export type { MessageKey };
export type Parameters = Readonly<Record<string, string | number>>;

const languages: Readonly<Record<string, Record<MessageKey, string>>> = { en, pt, es };

/** The browser's tag ("pt-BR") is kept for numbers and times. */
export function chooseLocale(wanted: readonly string[]): string {
  return wanted.find((tag) => primary(tag) in languages) ?? 'en';
}

function primary(tag: string): string {
  return tag.toLowerCase().split('-')[0] ?? '';
}

export function translator(locale: string): (key: MessageKey, values?: Parameters) => string {
  const texts = languages[primary(locale)] ?? en;
  return (key, values = {}) =>
    texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export const locale = chooseLocale(navigator.languages ?? [navigator.language]);
export const t = translator(locale);
