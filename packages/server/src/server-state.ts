import path from 'node:path';
import { type AdjustableClock, type Clock, type Random, SystemClock } from '@millrace/base';
import {
  type EngineHealth,
  type LogEngine,
  LogError,
  type NativeEngine,
  nodeDisk,
  openMemoryEngine,
  openNativeEngine,
  type PageSlabs,
  type SnapshotProgress,
  SortingThread,
} from '@millrace/log';
import { CatalogError } from './catalog/catalog-error.js';
import { readClock, writeClock } from './clock/clock-file.js';
import { ServerClock } from './clock/server-clock.js';
import { keysFolder, prepareDataDirectory } from './data-directory.js';
import type { Service } from './dispatch/operation.js';
import { KeyDirectory } from './keys/key-directory.js';
import { MasterKeyError } from './keys/master-keys.js';
import { errorFields, type Logger } from './logger.js';
import { StartError } from './start-error.js';
import type { Codec } from './streams/codec/codec.js';
import { streamsService } from './streams/index.js';
import type { StreamsDelays, StreamsLimits } from './streams/limits.js';
import { openStreams } from './streams/open-streams.js';
import type { Streams } from './streams/streams.js';
import type { StreamsMeter } from './streams/streams-meter.js';
import type { Sources } from './telemetry/telemetry.js';
import type { Snapshot } from './upkeep/snapshot-directory.js';

/** Everything that a server knows and a reset forgets: the log and the services over it. */
export interface ServerState {
  readonly services: readonly Service[];
  readonly streams: Streams;
  health(): StateHealth;
  /** What there is and what was done, for metrics. */
  numbers(): NonNullable<Sources['state']>;
  /** Copies all that is acknowledged at this call; undefined where nothing is kept. */
  readonly snapshot: MakeSnapshot | undefined;
  /** Finishes what is under way, syncs it and lets go of the data directory. */
  close(): Promise<void>;
}

export interface StateHealth {
  readonly writable: boolean;
  /** Why not; or, while writable, what somebody should see to. */
  readonly reason: string | undefined;
}

type MakeSnapshot = (to: string, progress: (progress: SnapshotProgress) => void) => Promise<Snapshot>;

export interface StateOptions {
  /** Undefined: everything stays in memory. */
  readonly dataDir: string | undefined;
  /** Where the master keys are; undefined: beside the data. Nothing is sealed in memory. */
  readonly keysDir: string | undefined;
  /** What the log may keep so as not to read it again; undefined: its default. */
  readonly cacheBytes: number | undefined;
  readonly clock: AdjustableClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly delays: Partial<StreamsDelays>;
  readonly limits: Partial<StreamsLimits>;
  readonly codec: Codec;
  /** Told of the memory of payloads that the log forgot. */
  readonly forgotten: (memory: ArrayBufferLike) => void;
  /** What pages are read into. */
  readonly slabs: PageSlabs;
  readonly meter: StreamsMeter;
  /** Time that really passes, whatever `clock` says. */
  readonly realClock: Clock;
  /** What is told to whoever asks who has the data directory. */
  readonly introduction: () => string;
  /** Whether old records are settled on a thread of their own. */
  readonly settlingThread: boolean;
}

/**
 * Opens the log and what it holds. The clock goes on where it stood, and is moved up to the newest instant in the data;
 * from then on its changes are kept. Throws `StartError`.
 */
export async function openState(options: StateOptions): Promise<ServerState> {
  const { clock, random, logger, delays, limits, codec, meter, realClock } = options;
  const { engine, settling, snapshot, close: closeEngine } = await openEngine(options);
  try {
    const keys = await openKeys(options);
    const report = (message: string): void =>
      logger.warn('a background task will try again', { detail: message });
    const streams = await openStreams({
      engine,
      clock,
      random,
      delays,
      limits,
      codec,
      meter,
      realClock,
      report,
      ...(keys && { keys }),
    });
    clock.raiseTo(streams.lastCommandMs);
    const { dataDir } = options;
    if (clock instanceof ServerClock && dataDir !== undefined) {
      clock.keepWith((standing) => writeClock(dataDir, standing));
    }
    return {
      services: [streamsService(streams)],
      streams,
      health: () => stateHealth(engine.health(), settling?.().trouble),
      numbers: () => ({
        streams: streams.view.streams.size,
        openShards: [...streams.view.openShards.values()].reduce((sum, each) => sum + each, 0),
        subscriptions: streams.fanOut.subscriptions,
        log: { ...engine.counters(), writable: engine.health().writable, settling: settling?.() },
      }),
      snapshot,
      async close() {
        await streams.close();
        await closeEngine();
      },
    };
  } catch (error) {
    await closeEngine();
    throw asStartError(error, options.dataDir);
  }
}

/** A log that has stopped settling takes records and serves them, but does not go on for ever: it says so while it is healthy. */
export function stateHealth(log: EngineHealth, settlingTrouble: string | undefined): StateHealth {
  if (log.reason !== undefined || settlingTrouble === undefined) return log;
  return {
    ...log,
    reason: `old records are not settled any more, and the journal grows (${settlingTrouble})`,
  };
}

/** Nothing is sealed in memory. */
async function openKeys({ dataDir, keysDir, random }: StateOptions): Promise<KeyDirectory | undefined> {
  return dataDir === undefined
    ? undefined
    : KeyDirectory.open(keysDir ?? path.join(dataDir, keysFolder), random);
}

interface OpenedEngine {
  readonly engine: LogEngine;
  readonly settling?: NativeEngine['settling'];
  readonly snapshot: MakeSnapshot | undefined;
  close(): Promise<void>;
}

async function openEngine(options: StateOptions): Promise<OpenedEngine> {
  const { dataDir, cacheBytes, clock, random, logger, introduction, settlingThread } = options;
  if (dataDir === undefined) {
    const engine = openMemoryEngine({ clock });
    return { engine, snapshot: undefined, close: () => engine.close() };
  }
  const directory = await prepareDataDirectory(dataDir);
  if (clock instanceof ServerClock) resumeClock(clock, dataDir, logger);
  try {
    const disk = await nodeDisk(directory, introduction);
    const failed = (error: unknown): void =>
      logger.error('a settling thread failed; its work goes on elsewhere', errorFields(error));
    // Who waits for a commit may have nothing else that keeps the process.
    const pace = new SystemClock({ holdsProcess: true });
    const sorter = settlingThread ? new SortingThread({ directory, disk, failed }) : undefined;
    const limits = cacheBytes === undefined ? {} : { memoryBytesMax: cacheBytes };
    const settlingStopped = (why: string): void =>
      logger.warn('old records are not settled any more until the next start, and the journal grows', {
        why,
      });
    const { forgotten, slabs, codec } = options;
    const inSlices: Codec['inSlices'] = (work, bytes) => codec.inSlices(work, bytes);
    const reading = { forgotten, slabs };
    const given = { disk, clock, random, limits, pace, settlingStopped, inSlices, ...reading };
    const engine = await openNativeEngine({ ...given, ...(sorter && { sorter }) });
    clock.raiseTo(engine.newestArrivalMs);
    const { cut } = engine.recovery;
    if (cut !== undefined) {
      logger.warn(
        'the last commit of the log was not whole, as a crash leaves one that was not acknowledged yet, and was cut off; damage to it would look the same',
        { ...cut },
      );
    }
    const close = async (): Promise<void> => {
      await engine.close();
      await sorter?.close();
    };
    const snapshot: MakeSnapshot = async (to, progress) => {
      const { snapshotEngine } = await import('./upkeep/snapshot-directory.js');
      return snapshotEngine(engine, dataDir, to, progress);
    };
    return { engine, settling: () => engine.settling(), snapshot, close };
  } catch (error) {
    throw asStartError(error, dataDir);
  }
}

function resumeClock(clock: ServerClock, dataDir: string, logger: Logger): void {
  const standing = readClock(dataDir);
  if (standing === undefined) return;
  clock.resume(standing);
  const now = new Date(clock.now()).toISOString();
  if (standing.heldMs === undefined) logger.info('the clock goes on from where it was moved', { now });
  else logger.warn('the clock is held, as it was: nothing expires until it is released', { now });
}

function asStartError(error: unknown, dataDir: string | undefined): unknown {
  if (error instanceof MasterKeyError) return new StartError('keys', error.message, { cause: error });
  if (!(error instanceof LogError || error instanceof CatalogError) || dataDir === undefined) return error;
  const options = { cause: error };
  switch (error.code) {
    case 'newer':
      return new StartError(
        'foreign',
        `The data directory ${dataDir} was written by a newer Millrace (${error.message}).`,
        options,
      );
    case 'locked':
      return new StartError(
        'locked',
        `Another server has the data directory ${dataDir}: stop it, or choose another directory with --data.`,
        options,
      );
    case 'foreign':
      return new StartError(
        'foreign',
        `The data directory ${dataDir} is not one that this Millrace can use (${error.message}): choose another with --data.`,
        options,
      );
    case 'damaged':
      return new StartError(
        'damaged',
        `The data in ${dataDir} is damaged (${error.message}): see all of it with millrace check --data ${dataDir}, and go on with a snapshot or with what millrace repair salvages.`,
        options,
      );
    default:
      return new StartError(
        'unwritable',
        `The data directory ${dataDir} cannot be used (${error.message}): make room or make it writable, or choose another with --data.`,
        options,
      );
  }
}
