/**
 * The suite that every log engine passes: the contract, as far as a caller can see it.
 *
 * Invariant: it asks for nothing that the contract does not promise. Outcomes may be `unknown`, positions may have
 * gaps, appends may be slow; a `Ledger` judges what is read. Time is an `EagerClock`, so nothing waits in earnest.
 *
 * One file because it is a list: all that an engine has to keep is read in one place.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@millrace/base';
import type { ControlOutcome, LogEngine, LogId, Position, SealResult } from './contract.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, Ledger, readAll, readPage } from './testing/ledger.js';

export interface EngineUnderTest {
  readonly engine: LogEngine;
  /** Called once the engine is closed. */
  readonly clean?: () => Promise<void>;
}

/** Opens a new, empty engine on `clock`. */
export type OpenEngine = (clock: EagerClock) => Promise<EngineUnderTest>;

interface Bench {
  readonly engine: LogEngine;
  readonly clock: EagerClock;
  readonly ledger: Ledger;
}

/** Registers the suite for one engine with `node:test`. */
export function contractSuite(name: string, open: OpenEngine): void {
  const test = (title: string, body: (bench: Bench) => Promise<void>): void => {
    it(title, async () => {
      const clock = new EagerClock();
      const { engine, clean } = await open(clock);
      try {
        await body({ engine, clock, ledger: new Ledger(engine) });
      } finally {
        await engine.close();
        await clean?.();
      }
    });
  };
  describe(`the contract of a log engine, kept by ${name}`, () => {
    for (const part of [lifeTests, appendTests, readTests, sealTests, trimTests, followTests, workloadTests])
      part(test);
  });
}

type Test = (title: string, body: (bench: Bench) => Promise<void>) => void;

function lifeTests(test: Test): void {
  test('a new log is empty and open, and making it again changes nothing', async ({ engine, ledger }) => {
    await create(engine, 'a', 'b');
    assert.deepEqual(engine.state('a'), {
      firstPosition: 0,
      endPosition: 0,
      sealed: false,
      lastArrivalMs: 0,
    });
    await ledger.putSurely('a');
    await create(engine, 'a', 'c');
    assert.equal((await ledger.check('a')).length >= 1, true);
    assert.deepEqual([...engine.list()].sort(), ['a', 'b', 'c']);
  });

  test('what does not exist is missing everywhere', async ({ engine }) => {
    assert.equal(engine.state('none'), undefined);
    assert.equal((await engine.read({ log: 'none', from: 0, recordsMax: 1, bytesMax: 1 })).kind, 'missing');
    assert.equal(await engine.findByArrival('none', 0), undefined);
    assert.equal((await surely(() => engine.seal('none'), sealUnknown)).kind, 'missing');
    assert.equal(await control(() => engine.trim('none', 5)), 'done');
    assert.equal(await control(() => engine.delete(['none'])), 'done');
    await engine.waitFor('none', 0);
    const [outcome] = await engine.append(batchOf([['none', 'x']]));
    assert.ok(outcome?.kind === 'missing' || outcome?.kind === 'unknown');
  });

  test('a deleted log is gone at once, and its followers are let go', async ({ engine, ledger }) => {
    await create(engine, 'a', 'b');
    await ledger.putSurely('a');
    const followed = engine.waitFor('a', Number.MAX_SAFE_INTEGER);
    assert.equal(await control(() => engine.delete(['a', 'never-was'])), 'done');
    await followed;
    assert.deepEqual(engine.list(), ['b']);
    assert.equal(engine.state('a'), undefined);
    assert.equal((await engine.read({ log: 'a', from: 0, recordsMax: 1, bytesMax: 1 })).kind, 'missing');
    const outcome = await engine.append(batchOf([['a', 'late']]));
    assert.ok(outcome[0]?.kind === 'missing' || outcome[0]?.kind === 'unknown');
  });

  test('a closed engine refuses what comes after, and lets its followers go', async ({ engine }) => {
    await create(engine, 'a');
    const followed = assert.rejects(engine.waitFor('a', 0), { name: 'LogError', code: 'closed' });
    await engine.close();
    await followed;
    await assert.rejects(async () => engine.append(batchOf([['a', 'x']])), { code: 'closed' });
    await assert.rejects(async () => engine.create(['b']), { code: 'closed' });
    await assert.rejects(async () => engine.waitFor('a', 0), { code: 'closed' });
    await engine.close();
  });

  test('appends that were under way at the close are finished or refused, never lost in between', async ({
    engine,
  }) => {
    await create(engine, 'a');
    const pending = Array.from({ length: 20 }, (_, i) => engine.append(batchOf([['a', `${i}`]])));
    await engine.close();
    for (const result of await Promise.allSettled(pending)) assert.equal(result.status, 'fulfilled');
  });

  test('it counts what it took', async ({ engine, ledger }) => {
    await create(engine, 'a');
    const before = engine.counters();
    await ledger.putSurely('a', 10);
    const after = engine.counters();
    assert.ok(after.appends > before.appends && after.records > before.records);
    assert.ok(after.payloadBytes >= before.payloadBytes + 12);
    assert.deepEqual(engine.health(), { writable: true, reason: undefined });
  });
}

function appendTests(test: Test): void {
  test('a batch for many logs reaches each in its own order', async ({ engine, ledger }) => {
    await create(engine, 'a', 'b', 'c');
    await ledger.put(['a', 'b', 'a', 'c', 'b', 'a']);
    await ledger.put(['c', 'c', 'b']);
    for (const log of ['a', 'b', 'c']) await ledger.check(log);
  });

  test('a batch is not atomic across logs: what can go in goes in', async ({ engine, ledger }) => {
    await create(engine, 'a', 'c');
    await seal(engine, 'c');
    for (let i = 0; i < 20; i++) {
      const [a, missing, sealed] = await ledger.put(['a', 'none', 'c', 'a', 'none']);
      assert.ok(a?.kind === 'appended' || a?.kind === 'unknown');
      assert.ok(missing?.kind === 'missing' || missing?.kind === 'unknown');
      assert.ok(sealed?.kind === 'sealed' || sealed?.kind === 'unknown');
    }
    await ledger.check('a');
    await ledger.check('c');
  });

  test('many appends at once are all there, once', async ({ engine, ledger }) => {
    const logs = Array.from({ length: 7 }, (_, i) => `log-${i}`);
    await create(engine, ...logs);
    await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        ledger.put(
          logs.filter((_, l) => (i + l) % 3 === 0),
          i % 50,
        ),
      ),
    );
    for (const log of logs) await ledger.check(log, 0, 13);
  });

  test('records may be empty, and as large as a megabyte', async ({ engine }) => {
    await create(engine, 'a');
    const large = 'y'.repeat(1024 * 1024);
    let kind: string | undefined;
    while (kind !== 'appended')
      kind = (
        await engine.append(
          batchOf([
            ['a', ''],
            ['a', large],
            ['a', ''],
          ]),
        )
      )[0]?.kind;
    const read = await readAll(engine, 'a');
    assert.deepEqual(
      read.slice(-3).map((record) => record.text),
      ['', large, ''],
    );
  });

  test('an empty batch has no outcomes', async ({ engine }) => {
    assert.deepEqual(await engine.append(batchOf([])), []);
  });

  test('what is acknowledged is visible at once', async ({ engine, ledger }) => {
    await create(engine, 'a');
    for (let i = 0; i < 20; i++) {
      const { firstPosition, arrivalMs } = await ledger.putSurely('a');
      const state = engine.state('a');
      assert.ok(state !== undefined && state.endPosition > firstPosition && state.lastArrivalMs >= arrivalMs);
      const { records } = await readPage(engine, 'a', firstPosition, 1);
      assert.equal(records[0]?.position, firstPosition);
    }
  });
}

function readTests(test: Test): void {
  test('a read keeps to its limits and goes on where it stopped', async ({ engine, ledger }) => {
    await create(engine, 'a');
    for (let i = 0; i < 30; i++) await ledger.put(['a', 'a', 'a'], i);
    for (const recordsMax of [1, 2, 7, 1000]) await ledger.check('a', 0, recordsMax);
    const all = await readAll(engine, 'a');
    const bytesMax = 100;
    const { records, nextPosition } = await readPage(engine, 'a', 0, 1000, bytesMax);
    const bytes = records.reduce((sum, record) => sum + record.text.length, 0);
    assert.ok(bytes <= bytesMax && records.length < all.length && records.length > 1);
    assert.equal(
      all.find((record) => record.position >= nextPosition),
      all[records.length],
    );
  });

  test('the first record is returned whatever its size', async ({ engine, ledger }) => {
    await create(engine, 'a');
    await ledger.putSurely('a', 5000);
    await ledger.putSurely('a', 5000);
    const { records } = await readPage(engine, 'a', 0, 10, 0);
    assert.equal(records.length, 1);
  });

  test('a read that finds nothing says where to go on', async ({ engine, ledger }) => {
    await create(engine, 'a');
    const empty = await readPage(engine, 'a', 0);
    assert.deepEqual(empty.records, []);
    await ledger.putSurely('a');
    const end = engine.state('a')?.endPosition ?? 0;
    const atEnd = await readPage(engine, 'a', end);
    assert.deepEqual(atEnd.records, []);
    const { firstPosition } = await ledger.putSurely('a');
    const later = await readAll(engine, 'a', atEnd.nextPosition);
    assert.ok(later.some((record) => record.position === firstPosition));
  });

  test('a read answers the state of the log', async ({ engine, ledger }) => {
    await create(engine, 'a');
    const { firstPosition } = await ledger.putSurely('a');
    const result = await engine.read({ log: 'a', from: firstPosition, recordsMax: 1, bytesMax: 1 });
    assert.ok(result.kind === 'records' && result.state.endPosition > firstPosition && !result.state.sealed);
  });
}

function sealTests(test: Test): void {
  test('a seal ends a log for good and says the same end each time', async ({ engine, ledger }) => {
    await create(engine, 'a');
    await ledger.putSurely('a');
    const endPosition = await seal(engine, 'a');
    assert.equal(engine.state('a')?.sealed, true);
    for (let i = 0; i < 10; i++) {
      const [outcome] = await ledger.put(['a']);
      assert.ok(outcome?.kind === 'sealed' || outcome?.kind === 'unknown');
    }
    assert.equal(await seal(engine, 'a'), endPosition);
    assert.equal(engine.state('a')?.endPosition, endPosition);
    for (const { position } of await ledger.check('a')) assert.ok(position < endPosition);
  });

  test('a seal among puts: each put is before it, and there, or after it, and refused', async ({
    engine,
    ledger,
  }) => {
    const random = seededRandom(11);
    for (let round = 0; round < 20; round++) {
      const log = `round-${round}`;
      await create(engine, log, `${log}-b`);
      const sealAt = random.integer(12);
      let sealed: Promise<Position> | undefined;
      const puts: Promise<unknown>[] = [];
      for (let i = 0; i < 12; i++) {
        if (i === sealAt) sealed = seal(engine, log);
        puts.push(ledger.put([log, `${log}-b`, log]));
      }
      const endPosition = await (sealed ?? seal(engine, log));
      await Promise.all(puts);
      assert.equal(await seal(engine, log), endPosition, 'an append moved the end of a sealed log');
      for (const { position } of await ledger.check(log)) assert.ok(position < endPosition);
      await ledger.check(`${log}-b`);
    }
  });
}

function trimTests(test: Test): void {
  test('a trimmed log reads from the first record that is left', async ({ engine, ledger }) => {
    await create(engine, 'a');
    for (let i = 0; i < 30; i++) await ledger.put(['a', 'a']);
    const all = await readAll(engine, 'a');
    for (const index of [0, 1, 7, 30, all.length - 1]) {
      const first = all[index]?.position ?? 0;
      assert.equal(await control(() => engine.trim('a', first)), 'done');
      assert.equal(engine.state('a')?.firstPosition, first);
      assert.deepEqual((await readPage(engine, 'a', 0, 1)).records, [all[index]]);
      await ledger.check('a', first);
    }
    assert.equal(await control(() => engine.trim('a', 0)), 'done');
    assert.equal((await readPage(engine, 'a', 0, 1)).records[0]?.position, all.at(-1)?.position);
  });

  test('a log trimmed past its end is empty and goes on', async ({ engine, ledger }) => {
    await create(engine, 'a');
    await ledger.putSurely('a');
    assert.equal(await control(() => engine.trim('a', Number.MAX_SAFE_INTEGER)), 'done');
    const state = engine.state('a');
    assert.ok(state !== undefined && state.firstPosition <= state.endPosition);
    assert.deepEqual((await readPage(engine, 'a', 0)).records, []);
    assert.equal(await engine.findByArrival('a', 0), state.endPosition);
    const { firstPosition } = await ledger.putSurely('a');
    assert.ok(firstPosition >= state.endPosition);
    await ledger.check('a', state.firstPosition);
  });
}

function followTests(test: Test): void {
  test('a position is found by its arrival time, to the millisecond', async ({ engine, clock, ledger }) => {
    await create(engine, 'a', 'b');
    for (let i = 0; i < 60; i++) {
      await ledger.put(['a', 'b', 'a'], i);
      clock.advance(i % 4);
    }
    const all = await readAll(engine, 'a');
    const firstMs = all[0]?.arrivalMs ?? 0;
    const lastMs = all.at(-1)?.arrivalMs ?? 0;
    for (let ms = firstMs - 2; ms <= lastMs; ms++) {
      const expected = all.find((record) => record.arrivalMs >= ms)?.position;
      assert.equal(await engine.findByArrival('a', ms), expected, `at ${ms - firstMs} ms`);
    }
    assert.equal(await engine.findByArrival('a', lastMs + 1), engine.state('a')?.endPosition);
  });

  test('arrival times follow the clock', async ({ engine, clock, ledger }) => {
    await create(engine, 'a');
    await ledger.putSurely('a');
    const beforeMs = clock.now();
    clock.advance(86_400_000);
    const { arrivalMs } = await ledger.putSurely('a');
    assert.ok(arrivalMs >= beforeMs + 86_400_000 && arrivalMs <= clock.now());
  });

  test('a follower is woken by the record it waits for', async ({ engine, ledger }) => {
    await create(engine, 'a', 'b');
    const { firstPosition } = await ledger.putSurely('a');
    await engine.waitFor('a', firstPosition);
    const end = engine.state('a')?.endPosition ?? 0;
    let woken = false;
    const followed = engine.waitFor('a', end).then(() => {
      woken = true;
    });
    await ledger.putSurely('b');
    assert.equal(woken, false, 'another log woke it');
    while ((engine.state('a')?.endPosition ?? 0) <= end) await ledger.putSurely('a');
    await followed;
  });

  test('a follower of a sealed log waits for nothing', async ({ engine, ledger }) => {
    await create(engine, 'a');
    await ledger.putSurely('a');
    const followed = engine.waitFor('a', 1_000_000);
    const endPosition = await seal(engine, 'a');
    await followed;
    await engine.waitFor('a', endPosition);
  });

  test('a follower of a log trimmed empty waits for the next record', async ({ engine, ledger }) => {
    await create(engine, 'a');
    await ledger.putSurely('a');
    await control(() => engine.trim('a', Number.MAX_SAFE_INTEGER));
    let woken = false;
    const followed = engine.waitFor('a', 0).then(() => {
      woken = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(woken, false);
    await ledger.putSurely('a');
    await followed;
  });

  test('a follower leaves with the reason of its signal', async ({ engine }) => {
    await create(engine, 'a');
    const reason = new Error('enough');
    await assert.rejects(engine.waitFor('a', 0, AbortSignal.abort(reason)), reason);
    const controller = new AbortController();
    const followed = assert.rejects(engine.waitFor('a', 0, controller.signal), reason);
    controller.abort(reason);
    await followed;
  });
}

function workloadTests(test: Test): void {
  test('random puts, reads, trims, seals and deletes end in what was acknowledged', async ({
    engine,
    clock,
    ledger,
  }) => {
    const random = seededRandom(7);
    const open: LogId[] = [];
    const firsts = new Map<LogId, Position>();
    let made = 0;
    for (let step = 0; step < 400; step++) {
      const choice = random.integer(20);
      if (open.length < 3 || choice === 0) {
        const log = `log-${made++}`;
        await create(engine, log);
        open.push(log);
        firsts.set(log, 0);
      } else if (choice < 14) {
        const logs = Array.from(
          { length: 1 + random.integer(6) },
          () => open[random.integer(open.length)] as LogId,
        );
        await ledger.put(logs, random.integer(2000));
        clock.advance(random.integer(3));
      } else {
        const log = open[random.integer(open.length)] as LogId;
        if (choice < 16) {
          const first = random.integer((engine.state(log)?.endPosition ?? 0) + 1);
          await control(() => engine.trim(log, first));
          firsts.set(log, Math.max(first, firsts.get(log) ?? 0));
        } else if (choice === 16) {
          await seal(engine, log);
        } else if (choice === 17) {
          await control(() => engine.delete([log]));
          open.splice(open.indexOf(log), 1);
        } else await ledger.check(log, firsts.get(log) ?? 0);
      }
    }
    for (const log of open) await ledger.check(log, firsts.get(log) ?? 0);
  });
}

/** Repeats an idempotent call until its outcome is known. */
async function surely<T>(call: () => Promise<T>, isUnknown: (answer: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await call();
    if (!isUnknown(answer)) return answer;
  }
  throw new assert.AssertionError({ message: 'a hundred calls had no known outcome' });
}

const sealUnknown = (result: SealResult): boolean => result.kind === 'unknown';

function control(call: () => Promise<ControlOutcome>): Promise<ControlOutcome> {
  return surely(call, (outcome) => outcome === 'unknown');
}

async function create(engine: LogEngine, ...logs: LogId[]): Promise<void> {
  assert.equal(await control(() => engine.create(logs)), 'done');
}

async function seal(engine: LogEngine, log: LogId): Promise<Position> {
  const result = await surely(() => engine.seal(log), sealUnknown);
  assert.equal(result.kind, 'sealed');
  return (result as Extract<SealResult, { kind: 'sealed' }>).endPosition;
}
