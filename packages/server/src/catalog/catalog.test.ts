import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdjustableClock, asBuffer, SystemClock, seededRandom } from '@millrace/base';
import type { AppendBatch, AppendOutcome, LogEngine } from '@millrace/log';
import { openMemoryEngine } from '@millrace/log';
import type { CatalogLimits } from './catalog.js';
import { catalogLog, openCatalog } from './catalog.js';
import { CatalogError } from './catalog-error.js';
import { boundedCounterFold, counterFold } from './counter-fold.js';

interface Under {
  readonly engine: LogEngine;
  readonly clock: AdjustableClock;
}

function under(): Under {
  const clock = new AdjustableClock({ now: () => 1_000_000, schedule: new SystemClock().schedule });
  clock.hold();
  return { engine: openMemoryEngine({ clock }), clock };
}

async function opened(engine: LogEngine, limits: Partial<CatalogLimits> = {}, seed = 1) {
  const fold = counterFold();
  const failures: string[] = [];
  const catalog = await openCatalog({
    engine,
    random: seededRandom(seed),
    folds: [fold],
    limits,
    onSnapshotFailure: (reason) => failures.push(reason),
  });
  return { catalog, fold, failures, add: (by: number) => catalog.submit(fold, { name: 'n', by }) };
}

test('a command is decided in the order of the log, and its author is told what was decided', async () => {
  const { engine, clock } = under();
  const { add, fold } = await opened(engine);
  clock.advance(5);
  assert.deepEqual(await Promise.all([add(1), add(2), add(-10), add(3)]), [1, 3, 'refused', 6]);
  assert.equal(fold.view.counts.get('n'), 6);
  assert.equal(fold.view.atMs, clock.now());
});

test('a restart folds to the same, and knows the time of the newest command', async () => {
  const { engine, clock } = under();
  const first = await opened(engine);
  for (let i = 0; i < 10; i++) {
    clock.advance(1000);
    await first.add(i);
  }
  await first.catalog.close();
  const second = await opened(engine, {}, 2);
  assert.equal(second.fold.view.counts.get('n'), 45);
  assert.equal(second.catalog.lastMs, clock.now());
  assert.equal(await second.add(1), 46);
});

test('what was decided by older rules stays decided so, and newer ones hold from their first command on', async () => {
  const { engine } = under();
  const first = await opened(engine);
  assert.deepEqual([await first.add(8), await first.add(8), await first.add(-20)], [8, 16, 'refused']);
  await first.catalog.close();
  await appendText(engine, '{"v":1,"id":"x","section":"counters","command":{"name":"n","by":1}}');
  for (let restart = 0; restart < 2; restart++) {
    const fold = boundedCounterFold();
    const catalog = await openCatalog({ engine, random: seededRandom(7 + restart), folds: [fold] });
    assert.equal(fold.view.counts.get('n'), 17 - restart * 10);
    assert.equal(await catalog.submit(fold, { name: 'n', by: 1 }), restart === 0 ? 'refused' : 8);
    assert.equal(
      await catalog.submit(fold, { name: 'n', by: restart === 0 ? -10 : 9 }),
      restart === 0 ? 7 : 'refused',
    );
    await catalog.close();
  }
});

test('snapshots bound the log, and nothing is lost over them', async () => {
  const { engine } = under();
  const limits = { commandsBetweenSnapshots: 10, snapshotPartChars: 40, recentIdsMax: 5 };
  for (let round = 0; round < 5; round++) {
    const { add, catalog, failures } = await opened(engine, limits, round);
    for (let i = 0; i < 25; i++) assert.equal(await add(1), round * 25 + i + 1);
    await catalog.close();
    assert.deepEqual(failures, []);
    const state = engine.state(catalogLog);
    assert.ok(state !== undefined && state.endPosition - state.firstPosition < 60, JSON.stringify(state));
  }
});

test('a snapshot that covers a part of the one before leaves the rest of it, which says nothing', async () => {
  const { engine } = under();
  // Slow, and two records a read: a command is told of when a part of the snapshot behind it has been read, too.
  const read: LogEngine['read'] = async (request) => {
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    return engine.read({ ...request, recordsMax: 2 });
  };
  const slow = new Proxy(engine, {
    get: (target, name) => (name === 'read' ? read : Reflect.get(target, name).bind(target)),
  });
  const limits = { commandsBetweenSnapshots: 1, snapshotPartChars: 8 };
  let cut = 0;
  for (let round = 0; round < 30; round++) {
    const { add, catalog } = await opened(slow, limits, round);
    assert.deepEqual(
      await Promise.all([add(1), add(1), add(1)]),
      [1, 2, 3].map((each) => 3 * round + each),
    );
    await catalog.close();
    const first = await engine.read({ log: catalogLog, from: 0, recordsMax: 1, bytesMax: 10_000 });
    assert.ok(first.kind === 'records');
    const { records } = first;
    const text = asBuffer(records.buffers[0] ?? new Uint8Array(0)).toString(
      'latin1',
      records.starts[0],
      records.ends[0],
    );
    if (/"part":[1-9]/.test(text)) cut++;
  }
  assert.ok(cut > 0, 'no snapshot was cut');
});

test('what a snapshot covers is not folded again where the log could not be trimmed', async () => {
  const { engine } = under();
  engine.trim = async () => 'full';
  const limits = { commandsBetweenSnapshots: 4, recentIdsMax: 1 };
  const { add, catalog, failures } = await opened(engine, limits);
  for (let i = 1; i <= 10; i++) assert.equal(await add(1), i);
  await catalog.close();
  assert.deepEqual(failures, ['full', 'full']);
  assert.equal((await opened(engine, limits, 2)).fold.view.counts.get('n'), 10);
});

test('a listener sees each new view before anything else can, and none while nothing changes', async () => {
  const { engine } = under();
  const { add, fold, catalog } = await opened(engine);
  const seen: (number | undefined)[] = [];
  const stop = fold.listen((view, before) => {
    assert.equal(view, fold.view);
    assert.notEqual(view, before);
    seen.push(view.counts.get('n'));
  });
  await add(1);
  await add(-5);
  await add(1);
  stop();
  await add(1);
  assert.deepEqual(seen, [1, 2]);
  assert.ok(catalog.version > 0);
});

for (const [name, appended] of [
  ['is there', true],
  ['is not there', false],
] as const) {
  test(`a command whose append is unknown and ${name} is decided once`, async () => {
    const { engine } = under();
    let unknown = 1;
    const unsure = withAppend(engine, async (batch) => {
      if (unknown === 0) return engine.append(batch);
      unknown--;
      if (appended) await engine.append(batch);
      return [{ kind: 'unknown' }];
    });
    const { add, fold } = await opened(unsure);
    assert.equal(await add(7), 7);
    assert.equal(fold.view.counts.get('n'), 7);
    assert.equal((await opened(engine, {}, 2)).fold.view.counts.get('n'), 7);
  });
}

test('a command that appears late, after it was appended again, is passed over', async () => {
  const { engine } = under();
  let late: AppendBatch | undefined;
  const unsure = withAppend(engine, async (batch) => {
    if (late !== undefined) return engine.append(batch);
    late = batch;
    return [{ kind: 'unknown' }];
  });
  const { add, fold } = await opened(unsure);
  assert.equal(await add(7), 7);
  assert.ok(late !== undefined);
  await engine.append(late);
  assert.equal(await add(1), 8);
  assert.equal(fold.view.counts.get('n'), 8);
});

test('what the engine cannot take is an error with a code, and not taken', async () => {
  const { engine } = under();
  let outcome: AppendOutcome = { kind: 'full' };
  let urgent: boolean | undefined;
  const failing = withAppend(engine, async (batch) => {
    urgent = batch.urgent;
    return [outcome];
  });
  const { add, catalog, fold } = await opened(failing, { attemptsMax: 3, commandBytesMax: 500 });
  const code = (kind: string) => (error: unknown) => error instanceof CatalogError && error.code === kind;
  for (const kind of ['full', 'poisoned', 'unknown'] as const) {
    outcome = { kind };
    await assert.rejects(add(1), code(kind));
    assert.equal(urgent, false);
  }
  outcome = { kind: 'sealed' };
  await assert.rejects(add(1), code('damaged'));
  await assert.rejects(catalog.submit(fold, { name: 'x'.repeat(600), by: 1 }), code('too-large'));
  outcome = { kind: 'full' };
  await assert.rejects(catalog.submit(fold, { name: 'n', by: 1 }, true), code('full'));
  assert.equal(urgent, true);
  await catalog.close();
  await assert.rejects(add(1), code('closed'));
});

test('a snapshot that finds no room is reported, and the catalog goes on', async () => {
  const { engine } = under();
  const failing = withAppend(engine, async (batch) =>
    asBuffer(batch.payload).includes('"snapshot"') ? [{ kind: 'full' }] : engine.append(batch),
  );
  const { add, failures, catalog } = await opened(failing, { commandsBetweenSnapshots: 3 });
  for (let i = 1; i <= 7; i++) assert.equal(await add(1), i);
  await catalog.close();
  assert.deepEqual(failures, ['full', 'full']);
  assert.equal((await opened(engine, {}, 2)).fold.view.counts.get('n'), 7);
});

test('more commands at once than the limit are refused, the others decided', async () => {
  const { engine } = under();
  const { add } = await opened(engine, { commandsInFlightMax: 3 });
  const results = await Promise.allSettled([1, 2, 3, 4, 5].map(add));
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
});

test('a log that this program did not write is refused with its position, and why', async () => {
  const cases: readonly [string, string, RegExp][] = [
    ['not json', 'damaged', /position 1 is not JSON/],
    ['[]', 'damaged', /position 1 is not an object/],
    ['{"v":1}', 'damaged', /position 1 is neither a command nor a snapshot/],
    ['{"v":3,"id":"x"}', 'newer', /position 1 has version 3; this Millrace reads 2/],
    [
      '{"v":2,"id":"x","section":"counters","rules":2,"command":{"name":"n","by":1}}',
      'newer',
      /position 1 was decided by rules 2 of counters; this Millrace has 1/,
    ],
    ['{"v":1,"id":"x","section":"moon","command":{}}', 'newer', /section "moon"/],
    [
      '{"v":1,"id":"x","section":"counters","command":{"by":"much"}}',
      'damaged',
      /position 1 is no command of counters/,
    ],
    ['{"v":1,"snapshot":"x","part":1,"parts":2,"through":0,"text":""}', 'damaged', /does not follow/],
    [
      '{"v":1,"snapshot":"x","part":0,"parts":1,"through":0,"text":"{}"}',
      'damaged',
      /snapshot of no known form/,
    ],
    ['\uFFFD', 'damaged', /is not JSON/],
  ];
  for (const [text, code, message] of cases) {
    const { engine } = under();
    await (await opened(engine)).add(1);
    await appendText(engine, text);
    await assert.rejects(opened(engine), (error) => {
      assert.ok(error instanceof CatalogError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  }
});

async function appendText(engine: LogEngine, text: string): Promise<void> {
  const payload = text === '\uFFFD' ? new Uint8Array([0xff, 0xfe]) : Buffer.from(text);
  await engine.append({
    logs: [catalogLog],
    logOf: new Uint32Array(1),
    ends: Uint32Array.of(payload.length),
    payload,
  });
}

function withAppend(
  engine: LogEngine,
  append: (batch: AppendBatch) => Promise<readonly AppendOutcome[]>,
): LogEngine {
  return {
    append,
    create: (logs) => engine.create(logs),
    read: (request) => engine.read(request),
    seal: (log) => engine.seal(log),
    trim: (log, before) => engine.trim(log, before),
    delete: (logs) => engine.delete(logs),
    findByArrival: (log, arrivalMs) => engine.findByArrival(log, arrivalMs),
    state: (log) => engine.state(log),
    waitFor: (log, position, signal) => engine.waitFor(log, position, signal),
    list: () => engine.list(),
    health: () => engine.health(),
    counters: () => engine.counters(),
    close: () => engine.close(),
  };
}
