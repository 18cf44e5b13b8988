import type { Sections } from '../frame.js';
import type { RegisteredLog } from '../registry.js';

/** The section of a frame that gives one record to `log`, where that stands. */
export function oneSection(log: RegisteredLog, arrivalMs = 0): Sections<RegisteredLog> {
  return { logs: [log], positions: Float64Array.of(log.end), stops: Uint32Array.of(1), arrivalMs };
}
