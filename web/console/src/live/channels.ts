// SPDX-License-Identifier: MIT
/** Names of channels as people type them. */

const ALIAS = '(?:[A-Za-z0-9_-]{1,100}:)?[A-Za-z0-9_-]{1,100}';
const USER = '[A-Za-z0-9_.+-]{1,100}(?::[A-Za-z0-9_.+-]{1,100}){0,2}';
const CHANNEL = new RegExp(
  `^/(?:contest/${ALIAS}(?:/admin)?|problem/${ALIAS}|user/${USER}|scoreboard/[A-Za-z0-9]{1,64})$`,
);

/** The channel that is meant: a bare alias is a contest's. Null: none. */
export function toChannel(text: string): string | null {
  const trimmed = text.trim();
  const name = trimmed.includes('/') ? `/${trimmed.replace(/^\/+|\/+$/g, '')}` : `/contest/${trimmed}`;
  return CHANNEL.test(name) ? name : null;
}
