import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ClockStanding, SystemClock } from '@millrace/base';
import { Millrace } from '../millrace.js';
import { StartError } from '../start-error.js';
import { ServerClock } from './server-clock.js';

const patience = { timeout: 60_000 };
const day = 86_400_000;

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-clock-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Told {
  readonly now?: string;
  readonly nowMs: number;
  readonly held?: boolean;
  readonly aheadMs: number;
  readonly message?: string;
}

async function ask(
  millrace: Millrace,
  what: string,
  body?: object,
): Promise<{ readonly status: number } & Told> {
  const answer = await fetch(`${millrace.endpoint}/_millrace/clock${what}`, {
    ...(what === '' ? {} : { method: 'POST' }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, ...((await answer.json()) as Told) };
}

test('the clock is told, held, advanced and released over HTTP', patience, async () => {
  await using millrace = await Millrace.start({ ephemeral: true });
  const before = await ask(millrace, '');
  assert.equal(before.held, false);
  assert.ok(Math.abs(before.aheadMs) < 60_000);
  const held = await ask(millrace, '/hold');
  assert.equal(held.held, true);
  assert.equal((await ask(millrace, '')).nowMs, held.nowMs);
  const later = await ask(millrace, '/advance', { ms: day });
  assert.equal(later.nowMs, held.nowMs + day);
  assert.equal(later.now, new Date(later.nowMs).toISOString());
  const at = new Date(later.nowMs + day).toISOString();
  assert.equal((await ask(millrace, '/hold', { at })).now, at);
  const released = await ask(millrace, '/release');
  assert.equal(released.held, false);
  assert.ok(released.nowMs >= later.nowMs + day);
  assert.ok((await ask(millrace, '/advance', { ms: 1000 })).nowMs >= released.nowMs + 1000);
});

test('what makes no sense is refused in a sentence, and the clock stands as it stood', patience, async () => {
  await using millrace = await Millrace.start({ ephemeral: true });
  millrace.clock.hold();
  const nowMs = millrace.clock.now();
  const refused: [string, object, number, RegExp][] = [
    ['/hold', { at: nowMs - 1 }, 409, /never goes back/],
    ['/hold', { at: '1970-01-01T00:00:00Z' }, 409, /never goes back/],
    ['/hold', { at: -9e15 }, 409, /never goes back/],
    ['/hold', { at: 'tomorrow' }, 400, /2026-12-24T18:00:00Z/],
    ['/hold', { at: '9000-01-01T00:00:00Z' }, 400, /no further than 4000/],
    ['/hold', { until: 5 }, 400, /"until" is not known. Only "at" is/],
    ['/advance', {}, 400, /whole milliseconds/],
    ['/advance', { ms: -1 }, 400, /never goes back/],
    ['/advance', { ms: 0.5 }, 400, /whole milliseconds/],
    ['/advance', { ms: '5m' }, 400, /whole milliseconds/],
    ['/advance', { ms: Number.MAX_SAFE_INTEGER }, 400, /no further than 4000/],
    ['/release', { at: 1 }, 400, /Nothing is taken here/],
  ];
  for (const [what, body, status, message] of refused) {
    const answer = await ask(millrace, what, body);
    assert.equal(answer.status, status, JSON.stringify(body));
    assert.match(answer.message ?? '', message);
    assert.equal(millrace.clock.now(), nowMs);
  }
});

test('a restart goes on where the clock stood: ahead, held, behind', patience, async (t) => {
  const dataDir = await scratch(t);
  let shownMs = 0;
  const restarted = async (then: (millrace: Millrace) => Promise<unknown>): Promise<void> => {
    await using millrace = await Millrace.start({ dataDir });
    assert.ok(millrace.clock.now() >= shownMs, 'time never falls');
    await then(millrace);
    shownMs = millrace.clock.now();
  };
  // Nothing is written but the clock: no record tells the restart how late it is.
  await restarted(async (millrace) => ask(millrace, '/advance', { ms: 40 * day }));
  await restarted(async (millrace) => {
    assert.equal(millrace.clock.held, false);
    millrace.clock.hold();
    millrace.clock.advance(7);
  });
  const heldMs = shownMs;
  await restarted(async (millrace) => {
    assert.equal(millrace.clock.held, true);
    assert.equal(millrace.clock.now(), heldMs);
    await ask(millrace, '/release');
  });
  await restarted(async (millrace) => assert.equal(millrace.clock.held, false));
  const file = JSON.parse(await readFile(path.join(dataDir, 'clock.json'), 'utf8'));
  assert.equal(file.format, 'millrace-clock');
  assert.ok((await readdir(dataDir)).every((name) => !name.endsWith('.new')));
});

test('a clock that nobody moved leaves no file', patience, async (t) => {
  const dataDir = await scratch(t);
  await (await Millrace.start({ dataDir })).close();
  assert.deepEqual((await readdir(dataDir)).sort(), ['log', 'millrace.json']);
});

test('a file that Millrace did not write refuses the start, and names what to do', patience, async (t) => {
  const dataDir = await scratch(t);
  await (await Millrace.start({ dataDir })).close();
  for (const text of [
    '',
    '{}',
    'null',
    '{"format":"millrace-clock","version":2,"offsetMs":0}',
    '{"format":"millrace-clock","version":1,"offsetMs":"0"}',
    '{"format":"millrace-clock","version":1,"offsetMs":0,"heldMs":-1}',
  ]) {
    await writeFile(path.join(dataDir, 'clock.json'), text);
    await assert.rejects(Millrace.start({ dataDir }), (error: unknown) => {
      assert.ok(error instanceof StartError, text);
      assert.equal(error.code, 'damaged');
      assert.match(error.message, /clock\.json .*remove it/);
      return true;
    });
  }
});

test('a hold at an instant is kept as one change, or does not happen', () => {
  const clock = new ServerClock(new SystemClock());
  const kept: ClockStanding[] = [];
  let keepsMax = 1;
  clock.keepWith((standing) => {
    if (kept.length === keepsMax) throw new Error('the disk is full');
    kept.push(standing);
  });
  const atMs = clock.now() + day;
  clock.hold(atMs);
  assert.deepEqual(kept, [{ offsetMs: 0, heldMs: atMs }]);
  assert.equal(clock.now(), atMs);
  assert.throws(() => clock.hold(atMs + 1), /full/);
  assert.equal(clock.now(), atMs);
  keepsMax = 2;
  clock.release();
  const { offsetMs } = clock.standing;
  assert.throws(() => clock.hold(atMs + day), /full/);
  assert.deepEqual(clock.standing, { offsetMs, heldMs: undefined });
  assert.ok(clock.now() < atMs + day);
});

test('a change that cannot be written does not happen', patience, async (t) => {
  const dataDir = await scratch(t);
  await using millrace = await Millrace.start({ dataDir });
  // In the place of the file that is written first.
  await mkdir(path.join(dataDir, 'clock.json.new'));
  const before = millrace.clock.now();
  for (const what of ['/hold', '/advance']) {
    const answer = await ask(millrace, what, what === '/advance' ? { ms: day } : {});
    assert.equal(answer.status, 503);
    assert.match(answer.message ?? '', /could not be written/);
    assert.equal(millrace.clock.held, false);
  }
  assert.ok(millrace.clock.now() < before + day);
  await rm(path.join(dataDir, 'clock.json.new'), { recursive: true });
  assert.equal((await ask(millrace, '/hold')).held, true);
});
