/** What is done to stores that nobody has open: no part of a server, which would spend its start on reading it. */
export type { Finding, FindingKind } from './finding.js';
export type { LostRange } from './log-track.js';
export { repairStore } from './repair.js';
export type { CheckedLog, StoreReport } from './store-check.js';
export { checkStore } from './store-check.js';
export type { WalkProgress } from './store-walk.js';
