// SPDX-License-Identifier: MIT
/** Thirty days of everything that happens to a page that is left open. */
import { Clock, randomFrom } from './clock.js';
import { Gateways, PRIVATE, PUBLIC } from './gateway.js';
import { Machine } from './machine.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAYS = 30 * 24 * HOUR;
/** At the end nothing happens any more, so that all must be complete again. */
const CALM = 2 * HOUR;
const MAX_TABS = 4;
const DIALS = 10;
const DIALS_WITHIN = 10 * MINUTE;

interface Trouble {
  readonly fromMs: number;
  toMs: number;
}

/** Runs one schedule; returns what went wrong. */
export async function runSchedule(seed: number): Promise<string[]> {
  const random = randomFrom(seed);
  const clock = new Clock();
  const gateways = new Gateways(clock);
  const machine = new Machine(clock, gateways, random);
  const troubles: Trouble[] = [];
  const restore = takeGlobals(clock);
  const between = (low: number, high: number) => low + random() * (high - low);
  /** Links end, or cannot be made, from now on for so long. */
  const trouble = (forMs: number) => void troubles.push({ fromMs: clock.nowMs, toMs: clock.nowMs + forMs });
  const lasting = (forMs: number, end: () => void) => {
    trouble(forMs);
    clock.start(forMs, end);
  };

  const happenings: (() => void)[] = [
    function gatewayDrains() {
      lasting(20 * SECOND, () => leaving.forEach((one) => (one.end(1012), gateways.connections.delete(one))));
      const leaving = [...gateways.connections];
      leaving.forEach((one) => one.say({ type: 'reconnect', after: between(0, 15 * SECOND), deadline: 20 * SECOND }));
    },
    function gatewayCrashes() {
      gateways.endAll(1006);
      gateways.isUp = false;
      lasting(between(0, 2 * MINUTE), () => void (gateways.isUp = true));
    },
    function gatewayIsOverloaded() {
      trouble(0);
      gateways.endAll(1013);
    },
    function networkGoes() {
      const isTold = random() < 0.5;
      machine.hasNetwork = false;
      machine.cutAll();
      if (isTold) {
        machine.tell('offline');
      }
      lasting(between(SECOND, random() < 0.3 ? 2 * HOUR : 2 * MINUTE), () => {
        machine.hasNetwork = true;
        if (isTold) {
          machine.tell('online');
        }
      });
    },
    function machineSleeps() {
      clock.sleep();
      machine.cutAll();
      lasting(between(MINUTE, 12 * HOUR), () => {
        clock.wake();
        machine.show();
      });
    },
    function webSocketIsBlocked() {
      machine.blocksWebSocket = true;
      gateways.endAll(1006);
      trouble(0);
      clock.start(between(10 * MINUTE, 6 * HOUR), () => void (machine.blocksWebSocket = false));
    },
    function historyIsLost() {
      gateways.loseHistory();
    },
    function tokensFail() {
      machine.tokenService = random() < 0.5 ? 'throws' : 'hangs';
      lasting(between(SECOND, 5 * MINUTE), () => void (machine.tokenService = 'works'));
    },
    function tabOpens() {
      if (machine.tabs.size < MAX_TABS) {
        machine.openTab();
      }
    },
    function tabCloses() {
      const [oldest] = machine.tabs;
      if (machine.tabs.size > 1) {
        machine.closeTab(oldest!);
      }
    },
    function pageIsShown() {
      machine.show();
    },
  ];

  const every = (low: number, high: number, task: () => void, untilMs: number) => {
    const next = () => {
      if (clock.nowMs < untilMs) {
        task();
        clock.start(between(low, high), next);
      }
    };
    clock.start(between(low, high), next);
  };

  try {
    machine.openTab();
    every(SECOND, 30 * MINUTE, () => gateways.publish(random() < 0.5 ? PUBLIC : PRIVATE), DAYS + CALM - 10 * MINUTE);
    every(25 * MINUTE, 25 * MINUTE, () => gateways.beat(), DAYS + CALM);
    every(MINUTE, MINUTE, () => {
      if (gateways.recheck(random() < 0.5) > 0) {
        trouble(0);
      }
    }, DAYS + CALM - 10 * MINUTE);
    clock.start(DAYS + CALM - MINUTE, () => [PUBLIC, PRIVATE].forEach((channel) => gateways.publish(channel)));
    every(SECOND, 6 * HOUR, () => happenings[Math.floor(random() * happenings.length)]!(), DAYS - 12 * HOUR);
    await clock.run(DAYS + CALM);
    return verdict(machine, clock, troubles);
  } finally {
    restore();
  }
}

/** The browser's own things, of this clock, while a schedule runs. */
function takeGlobals(clock: Clock): () => void {
  const { setTimeout, clearTimeout, performance } = globalThis;
  const host = globalThis as unknown as Record<string, unknown>;
  host['setTimeout'] = (task: () => void, delayMs: number) => clock.start(delayMs, task, true);
  host['clearTimeout'] = (timer: number) => clock.stop(timer);
  host['performance'] = { now: () => clock.nowMs };
  return () => {
    Object.assign(host, { setTimeout, clearTimeout, performance });
    delete host['window'];
    delete host['document'];
  };
}

function verdict(machine: Machine, clock: Clock, troubles: readonly Trouble[]): string[] {
  const faults: string[] = [];
  const { gateways } = machine;
  for (const tab of machine.tabs) {
    for (const channel of [PUBLIC, PRIVATE]) {
      const { position } = gateways.logs.get(channel)!;
      if (tab.isAt(channel) !== position) {
        faults.push(`at the end ${channel} is at ${position}, the tab at ${tab.isAt(channel)}: ${tab.state}`);
      }
    }
  }
  for (const tab of [...machine.tabs]) {
    machine.closeTab(tab);
  }
  for (const tab of machine.closedTabs) {
    faults.push(...tab.faults, ...tooManyDials(tab.dialsMs, troubles));
  }
  if (clock.machineTimers !== 0) {
    faults.push(`${clock.machineTimers} timers are left`);
  }
  return faults;
}

/** More than 10 within 10 minutes in which nothing ended or prevented a link. */
function tooManyDials(dialsMs: readonly number[], troubles: readonly Trouble[]): string[] {
  for (let n = 0; n + DIALS < dialsMs.length; n += 1) {
    const fromMs = dialsMs[n]!;
    const toMs = dialsMs[n + DIALS]!;
    const wasCalm = !troubles.some((one) => one.fromMs <= toMs && one.toMs >= fromMs);
    if (toMs - fromMs <= DIALS_WITHIN && wasCalm) {
      return [`${DIALS + 1} dials from ${fromMs} to ${toMs}`];
    }
  }
  return [];
}
