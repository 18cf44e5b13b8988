/** A step of a run against the reference model, and what steps are about. */
import fc from 'fast-check';
import { homeCount, type ModelRun } from './model-run.js';

/** False when nobody can say what became of it. */
export type Step = (run: ModelRun) => Promise<boolean | undefined>;

export type WeightedStep = readonly [weight: number, step: fc.Arbitrary<Step>];

export const streamName = fc.constantFrom('a', 'a', 'b');

/** By name or by ARN, as the caller likes. */
export const named = fc.tuple(streamName, fc.boolean());

export const addressed = (run: ModelRun, [stream, byArn]: readonly [string, boolean]) =>
  byArn ? { StreamARN: run.arn(stream) } : { StreamName: stream };

/** Most happens at one place, and something at the others. */
const home = fc.nat({ max: 9 }).map((at) => (at < homeCount ? at : 0));

export function step<T>(
  of: fc.Arbitrary<T>,
  go: (run: ModelRun, of: T) => Promise<boolean | undefined>,
): fc.Arbitrary<Step> {
  return fc.tuple(home, of).map(([at, each]) => (run: ModelRun) => {
    run.move(at);
    return go(run, each);
  });
}

/** One of them, as often as its weight says. */
export const oneOf = (steps: readonly WeightedStep[]): fc.Arbitrary<Step> =>
  fc.oneof(...steps.map(([weight, arbitrary]) => ({ weight, arbitrary })));
