/**
 * What rules of the past decided, replayed by the program of today: `history/streams-rules-1.jsonl` is what the program
 * made of 400 commands when it had no other rules, one `[atMs, command, outcome]` a line, and its snapshot at the end.
 * When this fails, a change has rewritten history: count the section's rules up, and let the old way stand for records
 * of the rules before.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Json } from '../catalog/catalog-record.js';
import { streamsSection } from './streams-section.js';

const file = new URL('../../history/streams-rules-1.jsonl', import.meta.url);
const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
const commands = lines.slice(0, -1).map((line) => JSON.parse(line) as readonly [number, Json, string | null]);
const snapshot = JSON.parse(lines.at(-1) ?? '') as Json;

test('commands of rules 1 are decided as they were, and leave what they left', () => {
  let state = streamsSection.empty;
  let refused = 0;
  for (const [position, [atMs, json, told]] of commands.entries()) {
    const at = { atMs, position, rules: 1 };
    const { state: next, outcome } = streamsSection.decide(state, streamsSection.parse(json), at);
    const answer = outcome === undefined ? null : `${outcome.code}: ${outcome.message}`;
    assert.equal(answer, told, `command ${position}: ${JSON.stringify(json)}`);
    if (answer !== null) refused++;
    state = next;
  }
  assert.ok(refused > 50 && refused < commands.length - 50, `${refused} were refused`);
  const restored = streamsSection.restore(snapshot);
  assert.deepEqual(streamsSection.snapshot(state), streamsSection.snapshot(restored));
  assert.deepEqual([...restored.streams], [...state.streams]);
  assert.deepEqual([...restored.openShards], [...state.openShards]);
});

test('by the rules of today, a split of an on-demand stream is refused where it is decided', () => {
  const at = { atMs: 1, position: 0, rules: streamsSection.rules };
  const of = { account: '1', region: 'r', name: 's' };
  const created = streamsSection.decide(
    streamsSection.empty,
    { type: 'create', ...of, shards: 4, mode: 'ON_DEMAND', recordKibMax: 1024, tags: {}, shardsMax: 9 },
    at,
  );
  const split = { type: 'split', ...of, shard: 0, at: '5', shardsMax: 9 } as const;
  assert.equal(streamsSection.decide(created.state, split, at).outcome?.code, 'ValidationException');
  const before = streamsSection.decide(created.state, split, { ...at, rules: 1 }).outcome;
  assert.equal(before?.code, 'ResourceInUseException');
});
