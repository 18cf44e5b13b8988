import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { LogIndex } from './log-index.js';

const seed = Date.now();

interface Frame {
  readonly position: number;
  readonly arrivalMs: number;
  readonly file: number;
  readonly offset: number;
}

it(`however it is thinned and trimmed, an index leads to every record (seed ${seed})`, () => {
  const step = fc.record({
    count: fc.integer({ min: 1, max: 5 }),
    waitMs: fc.nat({ max: 3 }),
    bytes: fc.oneof(fc.constant(8), fc.nat({ max: 300 }), fc.nat({ max: 100_000 })),
    newFile: fc.integer({ max: 15, min: 0 }).map((chance) => chance === 0),
  });
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 2, max: 20 }),
      fc.nat({ max: 1000 }),
      (steps, entriesMax, trimmed) => {
        const index = new LogIndex(64, entriesMax);
        const frames: Frame[] = [];
        let next = { position: 0, arrivalMs: 0, file: 1, offset: 0 };
        let files = 1;
        for (const { count, waitMs, bytes, newFile } of steps) {
          if (newFile) files++;
          frames.push(next);
          index.add(next.position, next.arrivalMs, next.file, next.offset);
          const place = newFile
            ? { file: next.file + 1, offset: 0 }
            : { file: next.file, offset: next.offset + 8 + bytes };
          next = { position: next.position + count, arrivalMs: next.arrivalMs + waitMs, ...place };
        }
        assert.ok(index.length <= Math.max(entriesMax, 2 * files), `${index.length} entries`);
        const first = Math.min(trimmed, next.position);
        index.trim(first, next.position);
        for (const [i, frame] of frames.entries()) {
          const end = frames[i + 1]?.position ?? next.position;
          if (end <= first) continue;
          const stretch = index.find(Math.max(frame.position, first));
          assert.ok(stretch !== undefined && stretch.file === frame.file);
          assert.ok(stretch.offset <= frame.offset && frame.offset < stretch.stop);
          assert.ok(stretch.nextPosition === undefined || stretch.nextPosition > frame.position);
        }
        for (let ms = 0; ms <= next.arrivalMs && first < next.position; ms++) {
          const wanted = frames.find((frame) => frame.arrivalMs >= ms && frame.position >= first);
          if (wanted === undefined) continue;
          const stretch = index.findArrival(ms);
          const within =
            stretch?.file === wanted.file && stretch.offset <= wanted.offset && wanted.offset < stretch.stop;
          assert.ok(within || stretch?.nextPosition === wanted.position, `at ${ms} ms`);
        }
      },
    ),
    { seed, numRuns: 300 },
  );
});
