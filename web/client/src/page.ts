// SPDX-License-Identifier: MIT
/** What the browser tells about the page; in Node there is nothing to hear. */

export type PageNews = 'online' | 'visible';

/** Calls `onNews` when the network is back or the page is shown again; returns what stops it. */
export function watchPage(onNews: (news: PageNews) => void): () => void {
  const { window: page, document: doc } = globalThis as {
    window?: Pick<Window, 'addEventListener' | 'removeEventListener'>;
    document?: Pick<Document, 'addEventListener' | 'removeEventListener' | 'visibilityState'>;
  };
  const onOnline = () => onNews('online');
  const onVisibility = () => {
    if (doc?.visibilityState === 'visible') {
      onNews('visible');
    }
  };
  page?.addEventListener?.('online', onOnline);
  doc?.addEventListener?.('visibilitychange', onVisibility);
  return () => {
    page?.removeEventListener?.('online', onOnline);
    doc?.removeEventListener?.('visibilitychange', onVisibility);
  };
}
