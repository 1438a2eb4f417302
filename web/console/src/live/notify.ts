// SPDX-License-Identifier: MIT
/** Desktop notifications, where this browser has them and the user allows them. */
import { ref, type Ref } from 'vue';
import { t } from '../i18n/index.js';

export type Permission = NotificationPermission | 'unsupported';

const TEXT_LENGTH = 100;

export interface Notifier {
  readonly permission: Ref<Permission>;
  /** Browsers ask the user only when they have just pressed something. */
  ask(): Promise<void>;
  tell(key: string, about: string, text: string): void;
}

export function createNotifier(): Notifier {
  const supported = 'Notification' in globalThis && isSecureContext;
  const permission = ref<Permission>(supported ? Notification.permission : 'unsupported');

  async function ask(): Promise<void> {
    if (supported) {
      permission.value = await Notification.requestPermission();
    }
  }

  function tell(key: string, about: string, text: string): void {
    if (permission.value !== 'granted') {
      return;
    }
    try {
      const title = about === '' ? t('live.notifyTitle') : `${t('live.notifyTitle')} · ${about}`;
      // The tag: an answer takes the place of its question.
      new Notification(title, { body: text.slice(0, TEXT_LENGTH), icon: './icon.svg', tag: key });
    } catch {
      permission.value = 'unsupported'; // phones only allow them from a service worker
    }
  }

  return { permission, ask, tell };
}
