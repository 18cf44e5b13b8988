/** What is done to data directories that nobody serves: no part of a server, which would spend its start on reading it. */
export { checkDirectory } from './upkeep/check-directory.js';
export { holderOf } from './upkeep/directory-files.js';
export type { DirectoryReport, FindingReport, LogReport, LostRecords } from './upkeep/directory-report.js';
export { type Introduction, parseIntroduction } from './upkeep/introduction.js';
export type { RepairReport } from './upkeep/repair-directory.js';
export { repairDirectory } from './upkeep/repair-directory.js';
export type { Snapshot } from './upkeep/snapshot-directory.js';
export { snapshotStopped } from './upkeep/snapshot-directory.js';
