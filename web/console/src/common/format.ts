// SPDX-License-Identifier: MIT
/** Numbers and times as people read them, in the page's language. */
import { locale } from '../i18n/index.js';

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'medium' });

export function formatCount(n: number): string {
  return whole.format(n);
}

export function formatNumber(n: number): string {
  return fine.format(n);
}

/** At most three digits: 0.42, 7.3, 128. */
export function formatRate(n: number): string {
  const digits = n >= 100 ? 0 : n >= 10 ? 1 : 2;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(n);
}

/** The largest time that a Date can hold; backends send anything. */
const LAST_MS = 8.64e15;
const isTime = (ms: number) => Math.abs(ms) <= LAST_MS;

export function formatTime(ms: number): string {
  return isTime(ms) ? clock.format(new Date(ms)) : '–';
}

export function toIsoTime(ms: number): string {
  return isTime(ms) ? new Date(ms).toISOString() : '';
}

/** 0.4 ms, 12 ms, 1.25 s. */
export function formatDuration(ms: number): string {
  return ms < 1000 ? `${formatRate(ms)} ms` : `${fine.format(ms / 1000)} s`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${formatRate(value)} ${BYTE_UNITS[unit]}`;
}

/** 0:07, 12:34, 1:02:03. */
export function formatElapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
