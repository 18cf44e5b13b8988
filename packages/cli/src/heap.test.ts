import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** Takes much, drops it, and rests until the heap is small again; V8 alone would never look at it again. */
const resting = `
import { getHeapStatistics } from 'node:v8';
import { setTimeout as pause } from 'node:timers/promises';
import { tendHeap } from ${JSON.stringify(new URL('./heap.js', import.meta.url).href)};
const taken = () => getHeapStatistics().total_physical_size;
tendHeap();
let held = Array.from({ length: 1_000_000 }, (_, i) => ({ text: 'x' + i }));
const most = taken();
held = undefined;
while (taken() > most / 2) await pause(100);
process.stdout.write(String(most));
`;

test('a process that rests gives back the heap that it does not need', { timeout: 60_000 }, () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', resting], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  assert.equal(status, 0, stderr);
  assert.ok(Number(stdout) > 50e6, `it took ${stdout} bytes at most`);
});
