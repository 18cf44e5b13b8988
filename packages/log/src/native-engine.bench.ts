/**
 * What the native engine costs, on the disk of the temporary directory: `node dist/native-engine.bench.js [MiB]`.
 *
 * Appends are batches of 500 × 1 KiB over 4 logs from 4 callers; `processor` is the time of the main thread alone,
 * without the waits for the disk. Reads are pages of up to 10,000 records of one log. At last, what an append takes while
 * files are settled.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mib, SystemClock, seededRandom } from '@millrace/base';
import type { AppendBatch, LogEngine } from './contract.js';
import type { NativeLimits } from './limits.js';
import { openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';
import { SortingThread } from './sorting-thread.js';

const logs = ['a', 'b', 'c', 'd'];
const recordsInBatch = 500;
const recordBytes = 1024;
const callers = 4;
const random = seededRandom(1);

function batch(records: number, bytes: number): AppendBatch {
  return {
    logs,
    logOf: Uint32Array.from({ length: records }, () => random.integer(logs.length)),
    ends: Uint32Array.from({ length: records }, (_, i) => (i + 1) * bytes),
    payload: random.bytes(records * bytes),
  };
}

async function appendAll(
  engine: LogEngine,
  batches: number,
  records: number,
  bytes: number,
  callers: number,
): Promise<void> {
  const template = batch(records, bytes);
  let left = batches;
  const call = async (): Promise<void> => {
    while (left-- > 0) await engine.append({ ...template, payload: new Uint8Array(template.payload) });
  };
  await Promise.all(Array.from({ length: callers }, call));
}

async function readAll(engine: LogEngine): Promise<number> {
  let records = 0;
  for (const log of logs) {
    let from = 0;
    for (;;) {
      const result = await engine.read({ log, from, recordsMax: 10_000, bytesMax: 10 * mib });
      if (result.kind !== 'records' || result.records.count === 0) break;
      records += result.records.count;
      from = result.nextPosition;
    }
  }
  return records;
}

async function measure(what: string, records: number, work: () => Promise<unknown>): Promise<void> {
  const utilisation = performance.eventLoopUtilization();
  const started = performance.now();
  await work();
  const wallMs = performance.now() - started;
  const busyMs = wallMs * performance.eventLoopUtilization(utilisation).utilization;
  const perRecord = (ms: number): string => ((ms * 1000) / records).toFixed(3).padStart(8);
  const rate = Math.round((records / wallMs) * 1000)
    .toLocaleString('en')
    .padStart(12);
  console.log(
    `${what.padEnd(44)}${rate} rec/s ${perRecord(wallMs)} µs/rec  processor ${perRecord(busyMs)} µs/rec`,
  );
}

async function withEngine(
  limits: Partial<NativeLimits>,
  work: (engine: LogEngine, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const engine = await openNativeEngine({
    disk: await nodeDisk(directory),
    clock: new SystemClock(),
    limits,
  });
  await engine.create(logs);
  await work(engine, directory);
  await engine.close();
  await rm(directory, { recursive: true });
}

/** Appends of 50 KiB about every millisecond, with journal files so small that settling hardly pauses. */
async function latencyWhileSettling(onThread: boolean): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const disk = await nodeDisk(directory);
  const sorter = onThread ? new SortingThread({ directory, disk, failed: console.error }) : undefined;
  const limits = { journalFileBytesMax: 32 * mib };
  const clock = new SystemClock();
  const engine = await openNativeEngine({ disk, clock, limits, ...(sorter && { sorter }) });
  await engine.create(logs);
  const template = batch(50, 1024);
  const tookMs: number[] = [];
  const appends: Promise<void>[] = [];
  const append = async (): Promise<void> => {
    const began = performance.now();
    await engine.append({ ...template, payload: new Uint8Array(template.payload) });
    tookMs.push(performance.now() - began);
  };
  for (const end = performance.now() + 8000; performance.now() < end; ) {
    appends.push(append());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(appends);
  tookMs.sort((a, b) => a - b);
  const at = (share: number): string => (tookMs[Math.floor(tookMs.length * share)] ?? 0).toFixed(1);
  const { chunks } = engine.settling();
  const where = onThread ? 'on its own thread' : 'inline';
  console.log(
    `append 50 KiB while settling ${where}: p50 ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)} ms, ${chunks} chunks`,
  );
  await engine.close();
  await sorter?.close();
  await rm(directory, { recursive: true });
}

async function main(): Promise<void> {
  const megabytes = Number(process.argv[2] ?? 200);
  const batches = Math.ceil((megabytes * mib) / (recordsInBatch * recordBytes));
  const records = batches * recordsInBatch;
  await withEngine({ tailBytesMax: 2 * megabytes * mib }, async (engine) => {
    await measure('append 500 × 1 KiB, 4 callers', records, () =>
      appendAll(engine, batches, recordsInBatch, recordBytes, callers),
    );
    const { commits, syncs } = engine.counters();
    console.log(`  ${batches} appends in ${commits} commits, ${syncs} syncs`);
    await measure('read pages of 10,000 from memory', records, () => readAll(engine));
  });
  await withEngine({ tailBytesMax: 0 }, async (engine, directory) => {
    await appendAll(engine, batches, recordsInBatch, recordBytes, callers);
    await measure('read pages of 10,000 from files', records, () => readAll(engine));
    await engine.close();
    await measure('recovery', records, async () => {
      const again = await openNativeEngine({ disk: await nodeDisk(directory), clock: new SystemClock() });
      await again.close();
    });
  });
  await withEngine({}, async (engine) => {
    await measure('append 1 × 1 KiB, 64 callers', 20_000, () =>
      appendAll(engine, 20_000, 1, recordBytes, 64),
    );
    const { commits } = engine.counters();
    console.log(`  20,000 appends in ${commits} commits`);
  });
  await withEngine({ tailBytesMax: 0 }, async (engine) => {
    await appendAll(engine, 20_000, 1, recordBytes, 64);
    await measure('read records appended one by one, from files', 20_000, () => readAll(engine));
  });
  for (const onThread of [false, true]) await latencyWhileSettling(onThread);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
