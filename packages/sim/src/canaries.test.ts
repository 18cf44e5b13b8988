/** Each planted bug is caught within a few seeds, and the same seeds are clean without it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Canary, canaries } from './open-log.js';
import { workloads } from './workloads.js';

const steps = 800;
const seedsMax = 60;

async function violationOf(seed: number, name: Canary, planted: boolean): Promise<string | undefined> {
  const workload = name === 'nonceByPosition' ? workloads.streams : workloads.log;
  const report = await workload({
    seed,
    steps,
    canary: planted ? name : undefined,
    trace: undefined,
    tell: undefined,
  });
  return report.violation;
}

for (const canary of canaries) {
  test(`the canary ${canary} is caught`, async () => {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const violation = await violationOf(seed, canary, true);
      if (violation === undefined) continue;
      assert.equal(await violationOf(seed, canary, false), undefined, `seed ${seed} fails without it`);
      return;
    }
    assert.fail(`${canary} lives after ${seedsMax} seeds`);
  });
}
