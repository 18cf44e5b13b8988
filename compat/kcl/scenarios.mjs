import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const firstShard = 'shardId-000000000000';

/** What is asked of each KCL. `run` is a new one on a stream of its own. */
export const scenarios = {
  async 'consume-reshard'(run) {
    await run.create(2);
    await run.putRounds(5);
    run.start();
    await run.caughtUp();
    await run.send('SplitShard', { ShardToSplit: firstShard, NewStartingHashKey: String(2n ** 126n) });
    await run.putRounds(5);
    await run.active();
    await run.putRounds(5);
    await run.send('MergeShards', {
      ShardToMerge: 'shardId-000000000003',
      AdjacentShardToMerge: 'shardId-000000000001',
    });
    await run.putRounds(5);
    await run.active();
    await run.send('UpdateShardCount', { TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' });
    await run.putRounds(5);
    await run.active();
    await run.putRounds(5);
    await run.caughtUp();
    assert.ok((await run.shardsEnded()) >= 5);
    await run.end();
    run.account.check({ strict: true });
  },

  async 'consume-takeover'(run) {
    await run.create(4);
    const first = run.start();
    await run.putRounds(5);
    await run.caughtUp();
    const second = run.start();
    const load = run.putUntilStopped(100);
    await run.until('the second worker has taken shards over', () => second.records > 0);
    await second.kill();
    await load.stop();
    await run.putRounds(5);
    await run.caughtUp();
    assert.ok(first.running);
    await run.until('the worker that is left has every lease', async () => {
      const owners = [...(await run.leases()).values()].map(({ owner }) => owner);
      return new Set(owners).size === 1;
    });
    await run.end();
    run.account.check();
  },

  async 'consume-trouble'(run) {
    await run.ownServer();
    await run.create(2);
    await run.putRounds(5);
    run.start();
    await run.caughtUp();
    const stream = run.stream;
    await run.control('faults', { fault: 'fail-records', stream, probability: 0.3, seed: 7, count: 40 });
    for (const operation of ['GetRecords', 'GetShardIterator', 'SubscribeToShard', 'ListShards']) {
      for (const fault of ['throttle', 'internal-error', 'drop-answer']) {
        await run.control('faults', { fault, operation, stream, count: 2 });
      }
    }
    await run.putRounds(20);
    await run.caughtUp();
    // Every iterator that the workers hold is too old from here on, and so is every subscription.
    await run.control('clock/advance', { ms: 301_000 });
    await run.putRounds(5);
    await run.caughtUp();
    await run.end();
    run.account.check();
  },

  async 'consume-sparse'(run) {
    await run.ownServer();
    await run.create(2);
    run.start();
    await run.put();
    await run.caughtUp();
    await run.control('clock/hold');
    for (let minute = 0; minute < 60; minute++) {
      await run.control('clock/advance', { ms: 60_000 });
      await run.put();
      await run.caughtUp();
    }
    await run.end();
    run.account.check();
  },

  async 'consume-large'(run) {
    const { StreamARN } = await run.create(1);
    await run.takeLarge(StreamARN);
    await run.put();
    await run.putOne('large', 10 * 1024 * 1024 - 'large'.length);
    await run.put();
    run.start();
    await run.caughtUp();
    await run.end();
    run.account.check({ strict: true });
    assert.equal(run.account.bytesMax, 10 * 1024 * 1024 - 'large'.length);
  },

  async 'consume-crash'(run) {
    const server = await run.ownServer();
    await run.create(2);
    await run.putRounds(5);
    run.start();
    await run.caughtUp();
    const load = run.putUntilStopped();
    for (let i = 0; i < 3; i++) {
      await sleep(1_000);
      await server.crash();
    }
    await load.stop();
    await run.caughtUp();
    await run.end();
    run.account.check({ twice: true });
  },

  async 'consume-tls'(run) {
    await run.create(1);
    await run.putRounds(5);
    run.start({ endpoint: process.env.COMPAT_TLS_ENDPOINT });
    await run.caughtUp();
    await run.end();
    run.account.check({ strict: true });
  },
};
