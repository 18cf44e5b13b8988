export type { Canaries } from './canaries.js';
export type {
  AppendBatch,
  AppendOutcome,
  ControlOutcome,
  EngineCounters,
  EngineHealth,
  LogEngine,
  LogId,
  LogState,
  Position,
  ReadRequest,
  ReadResult,
  RecordBatch,
  SealResult,
} from './contract.js';
export type { Disk, DiskErrorCode, DiskFile, DiskLock, DiskView } from './disk.js';
export { DiskError } from './disk.js';
export type { NativeLimits } from './limits.js';
export { nativeLimitsDefault } from './limits.js';
export type { LogErrorCode } from './log-error.js';
export { LogError } from './log-error.js';
export type { MemoryEngineOptions } from './memory-engine.js';
export { openMemoryEngine } from './memory-engine.js';
export type { NativeEngine, NativeEngineOptions } from './native-engine.js';
export { openNativeEngine } from './native-engine.js';
export { lockHolder, nodeDisk, nodeDiskView, nodeSnapshotTarget } from './node-disk.js';
export type { PageSlabs } from './page-memory.js';
export type { RecoveryReport } from './recovery.js';
export type { SnapshotProgress, SnapshotResult, SnapshotTarget } from './snapshot.js';
export type { Sorter } from './sort-job.js';
export { SortingThread } from './sorting-thread.js';
