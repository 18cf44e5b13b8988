export { AdjustableClock } from '@millrace/base';
export type { SnapshotStanding } from './control/snapshot-routes.js';
export type { FaultKind, FaultRule, RecordFailureCode } from './faults/fault-rule.js';
export { FaultError } from './faults/fault-rule.js';
export type { Faults, SetFault } from './faults/faults.js';
// Master keys in memory, for the simulator.
export { MasterKeySet } from './keys/master-keys.js';
export type { LogFields, Logger, LogLevel } from './logger.js';
export { jsonLogger, silentLogger, textLogger } from './logger.js';
export type { MillraceOptions } from './millrace.js';
export { Millrace } from './millrace.js';
export type { StartErrorCode } from './start-error.js';
export { StartError } from './start-error.js';
export { openStreams } from './streams/open-streams.js';
// The streams service without its server, for the simulator.
export type { PutBatch, PutResult } from './streams/put-batch.js';
export type { GetRecordsResult } from './streams/records-page.js';
export type { Shard, Stream } from './streams/stream.js';
export type { Streams } from './streams/streams.js';
