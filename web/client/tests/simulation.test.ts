// SPDX-License-Identifier: MIT
/**
 * A page that is left open for thirty days, on random schedules. Each run takes other seeds and
 * prints them; SIMULATION_SEED repeats one, SIMULATIONS says how many there are.
 */
import { expect, it } from 'vitest';
import { runSchedule } from './simulation/schedule.js';

const only = process.env['SIMULATION_SEED'];
const count = only ? 1 : Number(process.env['SIMULATIONS'] ?? 20);
const first = only ? Number(only) : Date.now() % 1_000_000_000;

it(`misses nothing in thirty days: seeds ${first} to ${first + count - 1}`, async () => {
  console.log(`simulation: seeds ${first} to ${first + count - 1}`);
  const faults: string[] = [];
  for (let seed = first; seed < first + count && faults.length === 0; seed += 1) {
    faults.push(...(await runSchedule(seed)).map((fault) => `SIMULATION_SEED=${seed}: ${fault}`));
  }
  expect(faults).toEqual([]);
}, 3_600_000);
