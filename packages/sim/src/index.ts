export { type Damage, DiskImage } from './disk-image.js';
export { type CrashFate, crashFates } from './file-body.js';
export { Machine } from './machine.js';
export { Schedule } from './schedule.js';
export { type DiskFaults, noFaults, SimulatedDisk } from './simulated-disk.js';
export { Trace } from './trace.js';
