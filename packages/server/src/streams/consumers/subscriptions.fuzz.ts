/**
 * Consumers that subscribe, leave in the middle, come back after their last continuation and follow the children of
 * their shards, while records are put, shards split and the service restarts: each sees every record once, in the
 * order of its key.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError } from '@millrace/wire';
import fc from 'fast-check';
import { CatalogError } from '../../catalog/catalog-error.js';
import { MasterKeySet } from '../../keys/master-keys.js';
import { splitShard } from '../operations/split-shard.js';
import { caller, engines, testStreams } from '../streams-fixture.js';
import { type Position, registered, Subscriber } from './subscriber-fixture.js';

const seed = Date.now();
const horizon: Position = { Type: 'TRIM_HORIZON' };

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('put' as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), count: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('split' as const), count: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), count: fc.constant(0) }) },
);

/** Tries again where an engine that does not always know left a command undecided; one that was done after all is done. */
async function insist<T>(attempt: (tries: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(tries);
    } catch (error) {
      const unknown =
        (error instanceof CatalogError && error.code === 'unknown') ||
        (error instanceof AwsError && error.code === 'InternalFailureException');
      if (!unknown || tries === triesMax) throw error;
    }
  }
}

const triesMax = 20;

/** The second try is refused where the first was done: the stream is there, or is being split. */
function unlessDone(error: unknown): void {
  if (!(error instanceof AwsError && error.code === 'ResourceInUseException')) throw error;
}

const keys = new MasterKeySet('the test', [Buffer.alloc(32, 3)]);

/** A consumer's way through the shards: where it stands in each it has not finished. */
class Way {
  readonly seen: string[] = [];
  readonly places = new Map<string, Position>([['shardId-000000000000', horizon]]);
  readonly open = new Map<string, Subscriber>();
}

for (const [name] of Object.entries(engines)) {
  test(`over the ${name} engine, no record is missing and none comes twice (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const under = await insist((tries) =>
          testStreams({ limits: { eventRecordsMax: 4 }, keys }, name, seed + tries),
        );
        await insist(() => under.createStream('s', 1)).catch(unlessDone);
        await under.active('s');
        // Every other way leads through sealed records.
        if (steps.length % 2 === 0) {
          await insist(() => under.moving(under.streams.encrypt({ ...caller, name: 's' }, 'alias/k'))).catch(
            unlessDone,
          );
          await under.active('s');
        }
        const arn = await insist(() => registered(under, 'app'));
        const way = new Way();
        /** Whether each was acknowledged: an engine that does not know may have it, now or later, or not. */
        const sent: boolean[] = [];
        let splits = 0;

        async function read(ShardId: string, place: Position): Promise<boolean> {
          let subscriber = way.open.get(ShardId);
          if (subscriber === undefined) {
            under.clock.advance(5_000);
            subscriber = await Subscriber.open(under, { ConsumerARN: arn, ShardId, StartingPosition: place });
            way.open.set(ShardId, subscriber);
          }
          const before = subscriber.texts.length;
          const told = await subscriber.told();
          way.seen.push(...subscriber.texts.slice(before));
          if (told.kind === 'end') {
            way.open.delete(ShardId);
            return false;
          }
          assert.equal(told.kind, 'event');
          if (subscriber.next !== undefined) way.places.set(ShardId, subscriber.next);
          else {
            way.open.delete(ShardId);
            way.places.delete(ShardId);
            // A merge is not made here, so each child has one parent and nobody else to wait for.
            for (const child of subscriber.children ?? []) way.places.set(child, horizon);
          }
          return told.kind === 'event' && (told.event.Records.length > 0 || subscriber.next === undefined);
        }

        for (const each of steps) {
          if (each.do === 'put') {
            const records = Array.from({ length: each.count }, () => {
              const data = `${sent.push(false) - 1}`;
              return { key: `k${Number(data) % 5}`, data };
            });
            const { Records } = await under.put('s', records);
            for (const [i, { SequenceNumber }] of Records.entries()) {
              sent[Number(records[i]?.data)] = SequenceNumber !== undefined;
            }
          } else if (each.do === 'read') {
            for (const [ShardId, place] of [...way.places].slice(0, each.count)) await read(ShardId, place);
          } else if (each.do === 'leave') {
            for (const subscriber of way.open.values()) await subscriber.leave();
            way.open.clear();
          } else if (each.do === 'split' && splits < 3) {
            const { Shards } = await under.describe('s');
            const openShards = Shards.filter(
              (shard) => shard.SequenceNumberRange.EndingSequenceNumber === undefined,
            );
            const target = openShards[each.count % openShards.length];
            assert.ok(target);
            const middle =
              (BigInt(target.HashKeyRange.StartingHashKey) + BigInt(target.HashKeyRange.EndingHashKey)) / 2n;
            splits++;
            await insist(() =>
              under.call(splitShard, {
                StreamName: 's',
                ShardToSplit: target.ShardId,
                NewStartingHashKey: `${middle}`,
              }),
            ).catch(unlessDone);
            await under.active('s');
          } else if (each.do === 'restart') {
            way.open.clear();
            await insist(() => under.reopen());
          }
        }
        for (let more = true; more; ) {
          more = false;
          for (const [ShardId, place] of [...way.places]) more = (await read(ShardId, place)) || more;
        }
        assert.equal(new Set(way.seen).size, way.seen.length, 'nothing comes twice');
        const acknowledged = way.seen.map(Number).filter((number) => sent[number] === true);
        assert.equal(acknowledged.length, sent.filter((each) => each).length, 'nothing is missing');
        for (let key = 0; key < 5; key++) {
          const ofKey = acknowledged.filter((number) => number % 5 === key);
          assert.deepEqual(
            ofKey,
            [...ofKey].sort((a, b) => a - b),
            `the records of k${key} in order`,
          );
        }
        await under.close();
      }),
      { seed, numRuns: name === 'native' ? 8 : 25 },
    );
  });
}
