import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

function sim(...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...flags], { encoding: 'utf8' });
}

test('one seed tells its crashes and a summary', () => {
  const { status, stdout } = sim('--workload', 'log', '--seed', '3', '--steps', '500');
  assert.equal(status, 0, stdout);
  assert.match(stdout, /step \d+: (power failure|process crash)/);
  assert.match(stdout, /steps .*power failures \d/);
  assert.match(stdout, /trace [0-9a-f]{16}: every promise was kept/);
});

test('--trace tells everything', () => {
  const { stdout } = sim('--workload', 'log', '--steps', '100', '--trace');
  assert.match(stdout, /write \d+ \d+/);
});

test('many seeds over two processes come to the same as one after another', () => {
  const flags = ['--workload', 'log', '--seeds', '8', '--steps', '200'];
  const last = (text: string): string | undefined => text.trim().split('\n').at(-1);
  const one = sim(...flags, '--workers', '1');
  const two = sim(...flags, '--workers', '2');
  assert.equal(one.status, 0, one.stdout);
  assert.equal(last(two.stdout), last(one.stdout));
});

test('many seeds say how long they were, and fail when they crashed too seldom', () => {
  const flags = ['--workload', 'log', '--seeds', '4', '--steps', '200', '--workers', '1'];
  const enough = sim(...flags, '--crashes-min', '1');
  assert.equal(enough.status, 0, enough.stdout);
  assert.match(enough.stdout, /\n\d+ steps a run: steps \d/);
  const few = sim(...flags, '--crashes-min', '100000');
  assert.equal(few.status, 1);
  assert.match(few.stdout, /100,000 crashes were wanted, not \d+\n$/);
});

test('a broken promise exits with 1 and tells how to replay it', () => {
  const flags = ['--workload', 'log', '--seeds', '20', '--steps', '500', '--canary', 'acknowledgeBeforeSync'];
  const { status, stdout } = sim(...flags, '--workers', '1');
  assert.equal(status, 1);
  assert.match(stdout, /npm run sim -- --workload log --seed \d+ --steps 500 --canary acknowledgeBeforeSync/);
});

test('a bad flag exits with 2 and one line', () => {
  for (const flags of [['--seed', 'x'], ['--canary', 'none'], ['--workload', 'none'], ['--nonsense']]) {
    const { status, stderr } = sim(...flags);
    assert.equal(status, 2, flags.join(' '));
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});
