import type { Clock } from '@millrace/base';

/** For opening a log without moving its time: the data's own may stand before the machine's, if somebody has held it. */
export const noClock: Clock = { now: () => 0, schedule: () => ({ cancel: () => undefined }) };
