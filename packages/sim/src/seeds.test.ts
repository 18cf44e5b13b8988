/** Some hundred seeds of each workload over the native engine, and what makes a seed worth anything: its replay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayCommand, runSeeds, Totals } from './seeds.js';
import { type WorkloadName, workloads } from './workloads.js';

async function run(name: WorkloadName, first: number, count: number, steps: number): Promise<Totals> {
  const totals = new Totals();
  const range = { first, count, stride: 1, steps, workloads: [name], canary: undefined };
  await runSeeds(range, (report) => {
    totals.add(report);
    return report.violation === undefined;
  });
  const [failure] = totals.failures;
  if (failure !== undefined) assert.fail(`${failure.violation}\n${replayCommand(failure, steps, undefined)}`);
  return totals;
}

test('300 seeds of the log keep every promise', async () => {
  const totals = await run('log', 1, 300, 1000);
  assert.equal(totals.runs, 300);
  assert.ok(totals.crashes > 1000, `${totals.crashes} crashes`);
});

test('120 seeds of the streams keep every promise', async () => {
  const totals = await run('streams', 1, 120, 1000);
  assert.equal(totals.runs, 120);
  assert.ok(totals.crashes > 500, `${totals.crashes} crashes`);
});

for (const name of ['log', 'streams'] as const) {
  test(`one seed of ${name} gives one run, byte for byte`, async () => {
    for (const seed of [1, 2, 3]) {
      const lines: string[][] = [[], []];
      const reports = [];
      for (const told of lines) {
        const trace = (line: string): void => {
          told.push(line);
        };
        reports.push(await workloads[name]({ seed, steps: 400, canary: undefined, trace, tell: undefined }));
      }
      assert.deepEqual(reports[0], reports[1]);
      assert.deepEqual(lines[0], lines[1]);
      assert.ok((lines[0]?.length ?? 0) > 400);
    }
  });
}

test('different seeds give different runs', async () => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= 5; seed++) {
    const options = { seed, steps: 200, canary: undefined, trace: undefined, tell: undefined };
    hashes.add((await workloads.log(options)).traceHash);
  }
  assert.equal(hashes.size, 5);
});

test('a failing seed is told with the command that replays it', () => {
  const report = { workload: 'log', seed: 7, violation: 'x', traceHash: '', counts: {} } as const;
  assert.equal(replayCommand(report, 500, undefined), 'npm run sim -- --workload log --seed 7 --steps 500');
  assert.match(replayCommand(report, 500, 'sealRace'), / --canary sealRace$/);
});
