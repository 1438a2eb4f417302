// SPDX-License-Identifier: MIT
/**
 * The part of the address behind `#`: which view, and what to begin with there.
 *
 *   #/live?channel=/contest/annual-2024&token=T     #/board?channel=/scoreboard/T     #/room     #/gateway
 *
 * It never reaches a server. A token in it is taken out at once, so that it is neither in the
 * history nor in a copied address.
 */
import { ref, type InjectionKey, type Ref } from 'vue';

/** What the navigation offers; a board fills the screen, and is opened from a scoreboard. */
export const VIEWS = ['live', 'room', 'gateway'] as const;
const ALL_VIEWS = [...VIEWS, 'board'] as const;
export type View = (typeof ALL_VIEWS)[number];

export interface Route {
  readonly view: View;
  readonly channels: readonly string[];
  readonly token: string;
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const given = new URLSearchParams(query);
  return {
    view: ALL_VIEWS.find((view) => view === path) ?? 'live',
    channels: given.getAll('channel'),
    token: given.get('token') ?? '',
  };
}

export const ROUTE: InjectionKey<Readonly<Ref<Route>>> = Symbol('Route');

/** The address without its token. */
export function withoutToken(hash: string): string {
  const [path = '', query] = hash.split('?', 2);
  if (query === undefined) {
    return hash;
  }
  const rest = query.split('&').filter((part) => !part.startsWith('token='));
  return rest.length > 0 ? `${path}?${rest.join('&')}` : path;
}

export function useRoute(): Ref<Route> {
  const read = () => {
    const route = parseRoute(location.hash);
    if (route.token !== '') {
      history.replaceState(null, '', withoutToken(location.hash));
    }
    return route;
  };
  const route = ref(read());
  addEventListener('hashchange', () => {
    route.value = read();
  });
  return route;
}
