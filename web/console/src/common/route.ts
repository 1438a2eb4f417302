// SPDX-License-Identifier: MIT
/**
 * The part of the address behind `#`: which view, and what to begin with there.
 *
 *   #/live?channel=/contest/annual-2024&token=T     #/room     #/gateway
 *
 * It never reaches a server. A token in it is taken out at once, so that it is neither in the
 * history nor in a copied address.
 */
import { ref, type Ref } from 'vue';

export const VIEWS = ['live', 'room', 'gateway'] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  readonly view: View;
  readonly channels: readonly string[];
  readonly token: string;
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const given = new URLSearchParams(query);
  return {
    view: VIEWS.find((view) => view === path) ?? 'live',
    channels: given.getAll('channel'),
    token: given.get('token') ?? '',
  };
}

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
