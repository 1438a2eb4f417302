// SPDX-License-Identifier: MIT
/** What the browser tells about the page; in Node there is nothing to hear. */

export interface PageNews {
  /** The network is back, or somebody looks at the page again. */
  readonly kind: 'online' | 'visible';
  /** How long there was no network, as far as the browser told. */
  readonly offlineMs: number;
}

/** Calls `onNews` when the network is back or the page is shown again; returns what stops it. */
export function watchPage(onNews: (news: PageNews) => void): () => void {
  let offlineSince: number | null = null;
  const { window: page, document: doc } = globalThis as {
    window?: Pick<Window, 'addEventListener' | 'removeEventListener'>;
    document?: Pick<Document, 'addEventListener' | 'removeEventListener' | 'visibilityState'>;
  };
  const onOffline = () => void (offlineSince ??= performance.now());
  const onOnline = () => {
    const offlineMs = offlineSince === null ? 0 : performance.now() - offlineSince;
    offlineSince = null;
    onNews({ kind: 'online', offlineMs });
  };
  const onShown = () => {
    if (doc?.visibilityState === 'visible') {
      onNews({ kind: 'visible', offlineMs: 0 });
    }
  };
  const listeners = [
    [page, 'offline', onOffline],
    [page, 'online', onOnline],
    [page, 'pageshow', onShown], // out of the back/forward cache
    [doc, 'visibilitychange', onShown],
    [doc, 'resume', onShown], // was frozen
  ] as const;
  for (const [target, name, listener] of listeners) {
    target?.addEventListener?.(name, listener);
  }
  return () => {
    for (const [target, name, listener] of listeners) {
      target?.removeEventListener?.(name, listener);
    }
  };
}
