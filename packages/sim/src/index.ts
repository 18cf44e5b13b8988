export { type CrashFate, crashFates, type Damage, DiskImage } from './disk-image.js';
export { Schedule } from './schedule.js';
export { type DiskFaults, noFaults, SimulatedDisk } from './simulated-disk.js';
export { Trace } from './trace.js';
