import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { kinesisClient } from './testing/kinesis-client.js';
import { server, typed } from './testing/typed.js';

// `millrace clock` and `millrace faults`, typed in this process against a real server.

test('the clock is told, held, advanced and released', async (t) => {
  const { endpoint } = await server(t);
  assert.match((await typed(endpoint, ['clock'])).stdout, /^\d{4}-.*Z, running\n$/);
  assert.match((await typed(endpoint, ['clock', 'hold'])).stdout, /Z, held\n$/);
  const before = JSON.parse((await typed(endpoint, ['clock', '--json'])).stdout);
  assert.equal(before.held, true);
  const after = JSON.parse((await typed(endpoint, ['clock', 'advance', '24h', '--json'])).stdout);
  assert.equal(after.nowMs, before.nowMs + 86_400_000);
  assert.match((await typed(endpoint, ['clock'])).stdout, /held, 8\d{4} s ahead of the machine\n$/);
  const at = new Date(after.nowMs + 60_000).toISOString();
  assert.match((await typed(endpoint, ['clock', 'hold', '--at', at])).stdout, new RegExp(`^${at}, held`));
  const back = await typed(endpoint, ['clock', 'hold', '--at', '2020-01-01T00:00:00Z']);
  assert.equal(back.code, 1);
  assert.match(back.stderr, /^millrace: The clock stands at .* never goes back/);
  assert.match((await typed(endpoint, ['clock', 'release'])).stdout, /running/);
  for (const [args, complaint] of [
    [['clock', 'stop'], /takes hold, advance or release/],
    [['clock', 'advance'], /needs a span/],
    [['clock', 'advance', 'soon'], /needs a span, as 5m or 24h, not 'soon'/],
    [['clock', 'release', '5m'], /takes no '5m'/],
    [['clock', '--at', '5m'], /--at is for clock hold/],
  ] as const) {
    const refused = await typed(endpoint, args);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, complaint);
  }
});

test('faults are set, strike, are listed and taken away', async (t) => {
  const { endpoint } = await server(t);
  const client = kinesisClient(t, endpoint);
  assert.match((await typed(endpoint, ['faults'])).stderr, /No fault is set/);
  const add = ['faults', 'add', 'throttle', '--operation', 'ListStreams', '--count', '1', '--seed', '5'];
  const added = await typed(endpoint, add);
  assert.match(added.stdout, /fault-1 +throttle +ListStreams +once +5 +0 +0/, added.stderr);
  await assert.rejects(client.send(new ListStreamsCommand({})), { name: 'LimitExceededException' });
  await client.send(new ListStreamsCommand({}));
  await typed(endpoint, ['faults', 'add', 'latency', '--latency', '20ms', '--probability', '0.25']);
  const { stdout } = await typed(endpoint, ['faults']);
  assert.match(stdout, /^ID +FAULT +FOR +HOW OFTEN +SEED +MET +STRUCK\n/);
  assert.match(stdout, /fault-1 +throttle +ListStreams +once, spent +5 +1 +1/);
  assert.match(stdout, /fault-2 +latency 20 ms +all +1 in 4 /);
  const lines = (await typed(endpoint, ['faults', '--json'])).stdout.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).fault),
    ['throttle', 'latency'],
  );
  assert.match((await typed(endpoint, ['faults', 'remove', 'fault-1'])).stdout, /fault-2/);
  assert.equal((await typed(endpoint, ['faults', 'remove', 'fault-1'])).code, 1);
  assert.equal((await typed(endpoint, ['faults', 'clear'])).stdout, '');
  for (const [args, code, complaint] of [
    [['faults', 'add'], 2, /needs a fault/],
    [['faults', 'add', 'gremlins'], 2, /give "throttle" or "internal-error"/],
    [['faults', 'add', 'throttle', '--operation', 'putrecords'], 2, /it is called PutRecords/],
    [['faults', 'add', 'latency'], 2, /needs --latency/],
    [['faults', 'add', 'throttle', '--probability', '2'], 2, /from 0 to 1/],
    [['faults', 'add', 'latency', '--latency', 'long'], 2, /give a span/],
    [['faults', 'remove'], 2, /needs the id/],
    [['faults', 'cause'], 2, /takes list, add, remove or clear/],
  ] as const) {
    const refused = await typed(endpoint, args);
    assert.equal(refused.code, code, `${args.join(' ')}: ${refused.stderr}`);
    assert.match(refused.stderr, complaint);
  }
});
