// SPDX-License-Identifier: MIT
/** The client's errors in the reader's language. */
import type { ClientError } from 'broadcaster-client';
import { t } from '../i18n/index.js';

export function describeError(error: ClientError): string {
  const channel = 'channel' in error ? error.channel ?? '' : '';
  switch (error.code) {
    case 'unauthorized':
      return channel === '' ? t('error.unauthorized') : t('error.unauthorizedChannel', { channel });
    case 'forbidden':
    case 'not_found':
    case 'bad_request':
    case 'too_many_subscriptions':
    case 'revoked':
      return t(`error.${error.code}`, { channel });
    case 'closed':
      return error.closeCode === 4001
        ? t('error.closed.4001') : t('error.closed', { code: error.closeCode });
    default:
      return t('error.other', { channel, message: error.message }).trim();
  }
}
