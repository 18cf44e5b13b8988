/**
 * One run of calls against the streams and against the reference model at once: what each call answers, what clients see
 * between them, and at the end every record. The service is restarted and crashed in between, in the middle of calls too.
 */
import assert from 'node:assert/strict';
import { type AdjustableClock, present } from '@millrace/base';
import type { LogEngine } from '@millrace/log';
import { AwsError, hashKeyMax, jsonProtocol } from '@millrace/wire';
import { CatalogError } from '../../catalog/catalog-error.js';
import { describeAccountSettings } from '../operations/describe-account-settings.js';
import { describeLimits } from '../operations/describe-limits.js';
import { describeStreamSummary } from '../operations/describe-stream-summary.js';
import { getRecords } from '../operations/get-records.js';
import { getResourcePolicy } from '../operations/get-resource-policy.js';
import { getShardIterator } from '../operations/get-shard-iterator.js';
import { listShards } from '../operations/list-shards.js';
import { listTagsForStream } from '../operations/list-tags-for-stream.js';
import { putRecords } from '../operations/put-records.js';
import { account, bytesOf, dying, region, TestStreams } from '../streams-fixture.js';
import { type Code, ReferenceModel, type ReferenceRecord, type ReferenceStream } from './reference-model.js';

const onDemandMax = 2;
const openAttemptsMax = 20;

export class ModelRun {
  readonly model = new ReferenceModel(onDemandMax);
  /** What was done so far, for whoever reads of a failure. */
  readonly history: string[] = [];
  readonly #clock: AdjustableClock;
  readonly #engine: LogEngine;
  readonly #late: boolean;
  #seed: number;
  #under: TestStreams;
  #kill: () => void = () => {};
  #puts = 0;

  /** `late`: appends of a service that crashed may show after its successor has opened. */
  constructor(clock: AdjustableClock, engine: LogEngine, seed: number, late: boolean) {
    this.#late = late;
    this.#clock = clock;
    this.#engine = engine;
    this.#seed = seed;
    this.#under = this.#born();
  }

  get under(): TestStreams {
    return this.#under;
  }

  /** Opens the streams; an engine that does not know whether it made the catalog's log is asked again. */
  async open(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#under.open();
      } catch (error) {
        if (!(error instanceof CatalogError && error.retryable) || attempt === openAttemptsMax) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#under.close();
  }

  arn(name: string): string {
    return `arn:aws:kinesis:${region}:${account}:stream/${name}`;
  }

  advance(ms: number): void {
    this.history.push(`${ms} ms`);
    this.#clock.advance(ms);
    this.model.nowMs = this.#clock.now();
  }

  async restart(): Promise<void> {
    this.history.push('stop');
    await this.#under.stop();
    await this.crash();
  }

  /** Nothing of the service is left but what it has given to the engine. */
  async crash(): Promise<void> {
    this.history.push('crash');
    this.#kill();
    this.#under = this.#born();
    await this.open();
    await this.#settled();
  }

  /** Makes a call; it must answer as the model does. False when nobody can say what became of it. */
  async call(operation: string, input: object, model: () => Code | undefined): Promise<boolean> {
    this.history.push(`${operation} ${JSON.stringify(input)}`);
    const told = await this.#answer(operation, input);
    if (told === 'InternalFailureException') return false;
    await this.#settled();
    this.model.nowMs = this.#clock.now();
    assert.equal(told, model(), `${operation} ${JSON.stringify(input)}`);
    return true;
  }

  /**
   * Begins a call and crashes after some turns: afterwards it has been done, or it has not. Not over an engine whose
   * appends may come later still: there only the crash is left.
   */
  async callAndCrash(
    operation: string,
    input: object,
    turns: number,
    model: () => Code | undefined,
  ): Promise<void> {
    const body = Buffer.from(JSON.stringify(input));
    if (this.#late) return this.crash();
    this.history.push(`${operation} ${JSON.stringify(input)}, and a crash after ${turns} turns`);
    // Past `TestStreams.run`, which would go on moving the clock for an answer that never comes.
    const begun = this.#under.bound(operation).run(jsonProtocol, body, this.#under.context());
    let refusedWith: unknown;
    begun.catch((error: unknown) => {
      refusedWith = error;
    });
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(refusedWith === undefined || refusedWith instanceof AwsError, String(refusedWith));
    await this.crash();
    this.model.nowMs = this.#clock.now();
    const seen = JSON.stringify(await this.#seen());
    if (seen === JSON.stringify(this.#expected())) return;
    model();
    assert.equal(seen, JSON.stringify(this.#expected()), `${operation}, crashed after ${turns} turns`);
  }

  async put(name: string, keys: readonly string[]): Promise<void> {
    this.history.push(`put ${name} ${keys.join()}`);
    const fromMs = this.#clock.now();
    const records = keys.map((key) => ({ key, data: `${this.#puts++}` }));
    const stream = this.model.streams.get(name);
    let answer: Awaited<ReturnType<TestStreams['put']>>;
    try {
      answer = await this.#under.call(putRecords, {
        StreamName: name,
        Records: records.map(({ key, data }) => ({ PartitionKey: key, Data: bytesOf(data) })),
      });
    } catch (error) {
      assert.equal((error as AwsError).code, 'ResourceNotFoundException');
      assert.equal(stream, undefined);
      return;
    }
    assert.ok(stream !== undefined);
    const toMs = this.#clock.now();
    this.model.nowMs = toMs;
    assert.equal(answer.EncryptionType, stream.keyId === undefined ? undefined : 'KMS');
    for (const [i, { SequenceNumber: number, ShardId: shard }] of answer.Records.entries()) {
      const { key, data } = present(records[i], 'a record');
      if (number === undefined || shard === undefined) this.model.maybe.add(data);
      else
        this.model.records.push({
          ...this.#placed(stream, fromMs, toMs),
          key,
          data,
          shard,
          sequenceNumber: BigInt(number),
        });
    }
  }

  /** All that clients see is what the model says. */
  async look(): Promise<void> {
    assert.deepEqual(await this.#seen(), this.#expected());
    for (const [name, stream] of this.model.streams) {
      await this.#lineage(name, stream);
      await this.#read(name, stream);
    }
  }

  #born(): TestStreams {
    let alive = true;
    this.#kill = () => {
      alive = false;
    };
    return new TestStreams(
      this.#clock,
      dying(this.#engine, () => alive),
      this.#seed++,
      { limits: { scaleEveryMs: 1e12, onDemandStreamsMax: onDemandMax } },
    );
  }

  async #answer(operation: string, input: object): Promise<string | undefined> {
    try {
      await this.#under.run(operation, jsonProtocol, Buffer.from(JSON.stringify(input)));
      return undefined;
    } catch (error) {
      return (error as AwsError).code;
    }
  }

  #settled(): Promise<void> {
    return this.#under.settle(() =>
      [...this.#under.streams.view.streams.values()].every((stream) => stream.status === 'ACTIVE'),
    );
  }

  #placed(stream: ReferenceStream, fromMs: number, toMs: number) {
    return {
      stream: stream.id,
      encrypted: stream.keyId !== undefined,
      fromMs,
      toMs,
      number: this.model.records.length,
      ordered: stream.strategy === 'USER_PARTITION_KEY',
    };
  }

  #expected(): object {
    const streams = [...this.model.streams].sort(([a], [b]) => (a < b ? -1 : 1));
    const onDemand = streams.filter(([, stream]) => stream.mode === 'ON_DEMAND').length;
    return {
      commitment: this.model.commitment,
      open: streams.reduce((sum, [, stream]) => sum + stream.shards, 0),
      onDemand,
      streams: streams.map(([name, stream]) => ({
        name,
        status: 'ACTIVE',
        mode: stream.mode,
        shards: stream.shards,
        retention: stream.retentionHours,
        recordKib: stream.recordKib,
        strategy: stream.mode === 'ON_DEMAND' ? stream.strategy : '',
        key: stream.keyId ?? '',
        metrics: [...stream.metrics].sort(),
        warm: stream.warm ?? -1,
        tags: [...stream.tags].sort(([a], [b]) => (a < b ? -1 : 1)),
        policy: stream.policy,
      })),
    };
  }

  async #seen(): Promise<object> {
    const under = this.#under;
    const limits = await under.call(describeLimits, {});
    const settings = await under.call(describeAccountSettings, {});
    const streams: object[] = [];
    for (const { name } of under.streams.view.streams.values()) {
      const { StreamDescriptionSummary: of } = await under.call(describeStreamSummary, { StreamName: name });
      const { Tags: tags } = await under.call(listTagsForStream, { StreamName: name });
      const { Policy: policy } = await under.call(getResourcePolicy, { ResourceARN: this.arn(name) });
      streams.push({
        name,
        status: of.StreamStatus,
        mode: of.StreamModeDetails?.StreamMode,
        shards: of.OpenShardCount,
        retention: of.RetentionPeriodHours,
        recordKib: of.MaxRecordSizeInKiB,
        strategy: of.RecordDistributionStrategy ?? '',
        key: of.KeyId ?? '',
        metrics: [...(of.EnhancedMonitoring[0]?.ShardLevelMetrics ?? [])].sort(),
        warm: of.WarmThroughput?.TargetMiBps ?? -1,
        tags: tags.map(({ Key: key, Value: value }) => [key, value]),
        policy,
      });
    }
    return {
      commitment: settings.MinimumThroughputBillingCommitment?.Status,
      open: limits.OpenShardCount,
      onDemand: limits.OnDemandStreamCount,
      streams,
    };
  }

  /** The open shards cover the ring, and whoever is named as a parent was closed, unless its retention has passed. */
  async #lineage(name: string, stream: ReferenceStream): Promise<void> {
    const list = async (Type: 'AT_LATEST' | 'FROM_TRIM_HORIZON') =>
      (await this.#under.call(listShards, { StreamName: name, ShardFilter: { Type } })).Shards ?? [];
    const open = await list('AT_LATEST');
    assert.equal(open.length, stream.shards);
    const ranges = open
      .map(({ HashKeyRange: range }) => ({
        start: BigInt(range.StartingHashKey),
        end: BigInt(range.EndingHashKey),
      }))
      .sort((a, b) => (a.start < b.start ? -1 : 1));
    let next = 0n;
    for (const { start, end } of ranges) {
      assert.equal(start, next);
      next = end + 1n;
    }
    assert.equal(next, hashKeyMax + 1n);
    const all = new Map((await list('FROM_TRIM_HORIZON')).map((shard) => [shard.ShardId, shard]));
    for (const shard of all.values()) {
      for (const id of [shard.ParentShardId, shard.AdjacentParentShardId]) {
        const parent = id === undefined ? undefined : all.get(id);
        if (parent === undefined) continue;
        const { EndingSequenceNumber: end } = parent.SequenceNumberRange;
        assert.ok(
          end !== undefined && BigInt(end) < BigInt(shard.SequenceNumberRange.StartingSequenceNumber),
        );
      }
    }
  }

  /** Every record is where it was put, once, in order, as long as its retention lasts, and nothing else is. */
  async #read(name: string, stream: ReferenceStream): Promise<void> {
    const seen = new Map<
      bigint,
      { readonly data: string; readonly shard: string; readonly encrypted: boolean }
    >();
    const { Shards: shards = [] } = await this.#under.call(listShards, { StreamName: name });
    for (const { ShardId: id } of shards) {
      const first = await this.#under.call(getShardIterator, {
        StreamName: name,
        ShardId: id,
        ShardIteratorType: 'TRIM_HORIZON',
      });
      let last = -1n;
      for (let iterator = first.ShardIterator; iterator !== undefined; ) {
        const page: Awaited<ReturnType<TestStreams['read']>> = await this.#under.call(getRecords, {
          ShardIterator: iterator,
          Limit: 7,
        });
        for (const record of page.Records) {
          const number = BigInt(record.SequenceNumber);
          assert.ok(number > last, 'sequence numbers rise within a shard');
          last = number;
          const data = Buffer.from(record.Data).toString();
          seen.set(number, { data, shard: id, encrypted: record.EncryptionType === 'KMS' });
        }
        assert.equal(page.ChildShards !== undefined, page.NextShardIterator === undefined);
        if (page.Records.length === 0 && page.MillisBehindLatest === 0) break;
        iterator = page.NextShardIterator;
      }
    }
    const horizonMs = stream.horizonMs(this.#clock.now());
    const newest = new Map<string, ReferenceRecord>();
    for (const record of this.model.records) {
      if (record.stream !== stream.id) continue;
      const found = seen.get(record.sequenceNumber);
      seen.delete(record.sequenceNumber);
      if (record.fromMs >= horizonMs) assert.ok(found !== undefined, `record ${record.data} is lost`);
      if (record.toMs < horizonMs)
        assert.equal(found, undefined, `record ${record.data} is past its retention`);
      if (found !== undefined) {
        const { data, shard, encrypted } = record;
        assert.deepEqual(found, { data, shard, encrypted });
      }
      if (!record.ordered) continue;
      const before = newest.get(record.key);
      assert.ok(
        before === undefined || before.sequenceNumber < record.sequenceNumber,
        `${record.key} is out of order`,
      );
      newest.set(record.key, record);
    }
    for (const { data } of seen.values())
      assert.ok(this.model.maybe.has(data), `nobody put ${data}, or it came twice`);
  }
}
