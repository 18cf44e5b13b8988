/** Random calls of every kind against a reference model, over each engine, with restarts and crashes in between. */
import { test } from 'node:test';
import fc from 'fast-check';
import { engines, heldClock } from './streams-fixture.js';
import { controlSteps, create } from './testing/control-steps.js';
import { consumerSteps, fanOutSteps } from './testing/fan-out-steps.js';
import { listingSteps } from './testing/listing-steps.js';
import { ModelRun } from './testing/model-run.js';
import { oneOf, type Step, step, type WeightedStep } from './testing/model-step.js';
import { recordSteps } from './testing/record-steps.js';
import { hourMs } from './testing/reference-model.js';

/** `node streams-model.fuzz.js SEED TIMES` runs other sequences, and so many times as many. */
const seed = Number(process.argv[2] ?? 20260102);
const times = Number(process.argv[3] ?? 1);
console.log(`# seed ${seed}`);

/** A change is decided within a few turns; what it began goes on for some more, on a disk for many. */
const turns = fc.oneof(
  { weight: 3, arbitrary: fc.nat({ max: 6 }) },
  { weight: 2, arbitrary: fc.nat({ max: 60 }) },
  { weight: 1, arbitrary: fc.nat({ max: 2000 }) },
);

/** Any change, and the process gone in the middle of it. */
const crashing: fc.Arbitrary<Step> = fc.tuple(oneOf([...controlSteps, ...consumerSteps]), turns).map(
  ([change, after]) =>
    (run: ModelRun) =>
      run.crashingAfter(after, () => change(run)),
);

const steps: readonly WeightedStep[] = [
  ...recordSteps,
  ...controlSteps,
  ...consumerSteps,
  ...fanOutSteps,
  ...listingSteps,
  [
    6,
    step(
      fc.tuple(fc.constantFrom(1000, 301_000, hourMs, 13 * hourMs, 25 * hourMs), fc.boolean()),
      async (run, [ms, sweep]) => {
        run.advance(ms);
        if (sweep) await run.under.moving(run.under.streams.sweep());
        return true;
      },
    ),
  ],
  [3, fc.constant((run: ModelRun) => run.look().then(() => true))],
  [2, fc.constant((run: ModelRun) => run.restart().then(() => true))],
  [2, fc.constant((run: ModelRun) => run.crash().then(() => true))],
  [10, crashing],
];

const sequence = fc.array(oneOf(steps), {
  minLength: 40,
  maxLength: 100,
});

async function carriedOut(run: ModelRun, steps: readonly Step[]): Promise<void> {
  for (const each of steps) {
    run.advance(5);
    // Whether an unknown change was made, the model cannot say: the run ends with what held until then.
    if ((await each(run)) === false) return;
    await run.scaled();
  }
  await run.look();
}

const runs: { readonly [engine: string]: number } = { memory: 40, awkward: 25, native: 6 };

for (const [engine, make] of Object.entries(engines)) {
  test(`streams do what the reference model does, over ${engine}`, async () => {
    await fc.assert(
      fc.asyncProperty(create, sequence, fc.nat(), fc.boolean(), async (first, rest, engineSeed, scaling) => {
        const clock = heldClock();
        const run = new ModelRun(
          clock,
          await make(clock, engineSeed),
          engineSeed,
          engine === 'awkward',
          scaling,
        );
        await run.open();
        try {
          await carriedOut(run, [first, ...rest]);
        } catch (error) {
          console.log(`after\n  ${run.history.join('\n  ')}\n${run.under.reports.join('\n')}\n${error}`);
          throw error;
        }
        await run.close();
      }),
      // The history of the run says more than a shorter one that takes minutes to find.
      { seed, numRuns: (runs[engine] ?? 10) * times, endOnFailure: true },
    );
  });
}
