// SPDX-License-Identifier: MIT
/** Reads the gateway's numbers again and again, as long as somebody looks. */
import { ref, shallowRef } from 'vue';
import { toReading, withSeen, type Seen } from './readings.js';

export const PERIOD_S = 2;
export const KEPT_S = 300;

export type MonitorState = 'waiting' | 'ok' | 'refused' | 'unreachable';

export function createMonitor(url: string, token: () => string, ask: typeof fetch = (...a) => fetch(...a)) {
  const state = ref<MonitorState>('waiting');
  const why = ref('');
  const gateways = shallowRef<readonly Seen[]>([]); // several may share the address
  let timer: ReturnType<typeof setTimeout> | undefined;
  let turn = 0; // of start() and stop(): an answer of an older one is not used

  async function question(): Promise<MonitorState> {
    const headers: Record<string, string> = token() === '' ? {} : { Authorization: `token ${token()}` };
    const response = await ask(url, { headers, cache: 'no-store', signal: AbortSignal.timeout(10_000) });
    if (response.status === 401 || response.status === 403) {
      return 'refused';
    }
    why.value = String(response.status);
    const next = response.ok ? toReading(await response.json()) : null;
    if (!next) {
      return 'unreachable';
    }
    gateways.value = withSeen(gateways.value, next, KEPT_S);
    return 'ok';
  }

  async function read(mine: number): Promise<void> {
    const next = await question().catch((cause: unknown): MonitorState => {
      why.value = cause instanceof Error ? cause.message : String(cause);
      return 'unreachable';
    });
    if (mine === turn) {
      state.value = next;
      timer = setTimeout(() => void read(mine), PERIOD_S * 1000);
    }
  }

  function stop(): void {
    turn += 1;
    clearTimeout(timer);
  }

  function start(): void {
    stop();
    void read(turn);
  }

  return { state, why, gateways, start, stop };
}
