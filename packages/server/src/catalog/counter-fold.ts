/** The smallest section there can be, for the catalog's own tests: named counters that may not fall below zero. */
import type { Json } from './catalog-record.js';
import type { Section } from './fold.js';
import { Fold } from './fold.js';
import { OrderedMap } from './ordered-map.js';

export interface Counters {
  readonly counts: OrderedMap<number>;
  readonly atMs: number;
}

export interface Add {
  readonly name: string;
  readonly by: number;
}

export type Counted = number | 'refused';

const section: Section<Counters, Add, Counted> = {
  name: 'counters',
  rules: 1,
  empty: { counts: OrderedMap.empty(), atMs: 0 },
  decide(state, { name, by }, { atMs }) {
    const count = (state.counts.get(name) ?? 0) + by;
    if (count < 0) return { state, outcome: 'refused' };
    return { state: { counts: state.counts.set(name, count), atMs }, outcome: count };
  },
  parse(json) {
    const { name, by } = json as { readonly name?: Json; readonly by?: Json };
    if (typeof name !== 'string' || typeof by !== 'number') throw new TypeError('not an Add');
    return { name, by };
  },
  toJson: ({ name, by }) => ({ name, by }),
  snapshot: ({ counts, atMs }) => ({ counts: [...counts].map(([name, count]) => [name, count]), atMs }),
  restore(json) {
    const { counts, atMs } = json as { readonly counts: readonly [string, number][]; readonly atMs: number };
    return { counts: OrderedMap.from(counts), atMs };
  },
};

export function counterFold(): Fold<Counters, Add, Counted> {
  return new Fold(section);
}

/** The same after a change of mind: no counter may pass ten. What was counted before the change stays. */
export function boundedCounterFold(): Fold<Counters, Add, Counted> {
  return new Fold({
    ...section,
    rules: 2,
    decide(state, command, at) {
      const count = (state.counts.get(command.name) ?? 0) + command.by;
      if (at.rules >= 2 && count > 10) return { state, outcome: 'refused' };
      return section.decide(state, command, at);
    },
  });
}
