/**
 * What rules of the past decided, replayed by the program of today. `history/streams-rules-<n>.jsonl` is what the program
 * made of some hundred commands when its rules were those: one `[atMs, command, outcome]` a line, and its snapshot at the
 * end. When this fails, a change has rewritten history: count the section's rules up, and let the old way stand for
 * records of the rules before. `MILLRACE_GOLDEN=write` records history of rules that have none.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import type { Json } from '../catalog/catalog-record.js';
import { streamsSection } from './streams-section.js';
import type { StreamsOutcome, StreamsState } from './streams-state.js';
import { randomCommand } from './testing/random-commands.js';

const folder = new URL('../../history/', import.meta.url);
const fileOf = (rules: number) => new URL(`streams-rules-${rules}.jsonl`, folder);
const { MILLRACE_GOLDEN: mode } = process.env;
const commandsRecorded = 700;

type Recorded = readonly [atMs: number, command: Json, outcome: string | null];

test('history of the rules of today is kept', () => {
  const { rules } = streamsSection;
  if (mode === 'write' && !existsSync(fileOf(rules)))
    writeFileSync(fileOf(rules), `${recorded(rules).join('\n')}\n`);
  assert.ok(existsSync(fileOf(rules)), `nothing is recorded of rules ${rules}: MILLRACE_GOLDEN=write`);
});

for (const name of readdirSync(folder).sort()) {
  const rules = Number(/^streams-rules-(\d+)\.jsonl$/.exec(name)?.[1]);
  test(`commands of rules ${rules} are decided as they were, and leave what they left`, () => {
    const lines = readFileSync(fileOf(rules), 'utf8').trimEnd().split('\n');
    const commands = lines.slice(0, -1).map((line) => JSON.parse(line) as Recorded);
    const restored = streamsSection.restore(JSON.parse(lines.at(-1) ?? '') as Json);
    let state = streamsSection.empty;
    let refused = 0;
    for (const [position, [atMs, json, told]] of commands.entries()) {
      const decided = streamsSection.decide(state, streamsSection.parse(json), { atMs, position, rules });
      assert.equal(textOf(decided.outcome), told, `command ${position}: ${JSON.stringify(json)}`);
      if (told !== null) refused++;
      state = decided.state;
    }
    assert.ok(refused > 50 && refused < commands.length - 50, `${refused} were refused`);
    assert.deepEqual(streamsSection.snapshot(state), streamsSection.snapshot(restored));
    assert.deepEqual([...restored.streams], [...state.streams]);
    assert.deepEqual([...restored.openShards], [...state.openShards]);
  });
}

test('by rules 2, a split of an on-demand stream is refused where it is decided', () => {
  const at = { atMs: 1, position: 0, rules: streamsSection.rules };
  const of = { account: '1', region: 'r', name: 's' };
  const created = streamsSection.decide(
    streamsSection.empty,
    { type: 'create', ...of, shards: 4, mode: 'ON_DEMAND', recordKibMax: 1024, tags: {}, shardsMax: 9 },
    at,
  );
  const split = { type: 'split', ...of, shard: 0, at: '5', shardsMax: 9 } as const;
  assert.equal(
    streamsSection.decide(created.state, split, { ...at, rules: 2 }).outcome?.code,
    'ValidationException',
  );
  const before = streamsSection.decide(created.state, split, { ...at, rules: 1 }).outcome;
  assert.equal(before?.code, 'ResourceInUseException');
});

function recorded(rules: number): readonly string[] {
  const random = seededRandom(rules);
  const lines: Recorded[] = [];
  let state: StreamsState = streamsSection.empty;
  let atMs = 1_000_000_000_000;
  for (let position = 0; position < commandsRecorded; position++) {
    atMs += random.integer(20) === 0 ? 30 * 3_600_000 : random.integer(700);
    const json = JSON.parse(JSON.stringify(streamsSection.toJson(randomCommand(random, state)))) as Json;
    const decided = streamsSection.decide(state, streamsSection.parse(json), { atMs, position, rules });
    lines.push([atMs, json, textOf(decided.outcome)]);
    state = decided.state;
  }
  return [...lines, streamsSection.snapshot(state)].map((line) => JSON.stringify(line));
}

function textOf(outcome: StreamsOutcome): string | null {
  return outcome === undefined ? null : `${outcome.code}: ${outcome.message}`;
}
