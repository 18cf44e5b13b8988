/** How the clients of a log behave: each seed draws a character, so that some do one thing far too often. */
import { pick, type Random } from '@millrace/base';
import { Weighted } from './weighted.js';

export type Call = 'append' | 'read' | 'wait' | 'find' | 'create' | 'seal' | 'trim' | 'delete';
export type Action =
  | Call
  | 'perform'
  | 'advance'
  | 'fill'
  | 'room'
  | 'damage'
  | 'intrude'
  | 'snapshot'
  | 'close';

/** How the clients of one seed behave. */
export interface LogCharacter {
  readonly actions: Weighted<Action>;
  readonly logsMax: number;
  readonly recordsMax: number;
  readonly recordBytesMax: number;
  readonly inFlightMax: number;
}

export function logCharacter(random: Random): LogCharacter {
  const actions = new Weighted<Action>('perform', [
    ['perform', 40],
    ['advance', pick(random, [1, 5, 20])],
    ['append', pick(random, [5, 20, 40])],
    ['read', pick(random, [0, 4, 15])],
    ['wait', pick(random, [0, 2])],
    ['find', pick(random, [0, 2])],
    ['create', pick(random, [0.5, 2])],
    ['seal', pick(random, [0, 0.5, 4])],
    ['trim', pick(random, [0.5, 2, 5])],
    ['delete', pick(random, [0, 0.5, 2])],
    ['fill', pick(random, [0, 0, 0.5])],
    ['room', 0.2],
    ['damage', pick(random, [0, 0, 0.2])],
    ['intrude', pick(random, [0, 0.1])],
    ['close', pick(random, [0, 0.1])],
    ['snapshot', pick(random, [0, 0.1, 0.5])],
  ]);
  return {
    actions,
    logsMax: pick(random, [1, 3, 8]),
    recordsMax: pick(random, [1, 4, 20]),
    recordBytesMax: pick(random, [24, 200, 3000]),
    inFlightMax: pick(random, [1, 4, 16, 64]),
  };
}
