import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryEngine } from '@millrace/log';
import { openAwkwardEngine } from '@millrace/log/awkward-engine';
import { LogWorkload } from './log-workload.js';
import type { EngineUnderTest } from './open-log.js';
import type { RunReport } from './run.js';
import { crimes, saboteur } from './saboteur.js';
import { StreamsWorkload } from './streams-workload.js';

const memory: EngineUnderTest = {
  forgetful: true,
  open: async ({ clock }) => openMemoryEngine({ clock }),
};
const awkward: EngineUnderTest = {
  forgetful: true,
  moody: true,
  open: async ({ clock, random }) => openAwkwardEngine({ clock, random }),
};
const steps = 600;

function run(workload: RunReport['workload'], seed: number, subject: EngineUnderTest): Promise<RunReport> {
  const options = { seed, steps, canary: undefined, trace: undefined, tell: undefined };
  return workload === 'log'
    ? new LogWorkload(options, subject).run()
    : new StreamsWorkload(options, subject).run();
}

/** The first of `seeds` that is caught. */
async function firstCaught(
  workload: RunReport['workload'],
  seeds: number,
  subject: EngineUnderTest,
): Promise<RunReport | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const report = await run(workload, seed, subject);
    if (report.violation !== undefined) return report;
  }
  return undefined;
}

test('the log checker accuses no engine in memory of anything', async () => {
  for (const subject of [memory, awkward]) {
    const caught = await firstCaught('log', 60, subject);
    assert.equal(caught?.violation, undefined, `seed ${caught?.seed}`);
  }
});

test('the streams checker accuses no engine in memory of anything', async () => {
  for (const subject of [memory, awkward]) {
    const caught = await firstCaught('streams', 60, subject);
    assert.equal(caught?.violation, undefined, `seed ${caught?.seed}`);
  }
});

for (const crime of crimes) {
  test(`the log checker catches an engine that commits: ${crime}`, async () => {
    const caught = await firstCaught('log', 40, saboteur(crime));
    assert.ok(caught !== undefined, 'nothing was noticed in 40 seeds');
  });
}

for (const crime of crimes) {
  // Streams trim only what is past its retention, which reads leave out by themselves.
  if (crime === 'untrim') continue;
  test(`the streams checker catches an engine that commits: ${crime}`, async () => {
    const caught = await firstCaught('streams', 60, saboteur(crime));
    assert.ok(caught !== undefined, 'nothing was noticed in 60 seeds');
  });
}
