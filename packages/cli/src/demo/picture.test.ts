import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Terminal } from '../host.js';
import { colourStyle, fit, plainStyle, width } from '../style.js';
import { commandsToCopy } from './copy-commands.js';
import { picture } from './picture.js';
import { plainLine } from './plain-lines.js';
import { Screen } from './screen.js';
import type { View } from './view.js';

const view: View = {
  endpoint: 'http://127.0.0.1:4567',
  streamName: 'flights',
  processId: 4242,
  dataPath: './data',
  upMs: 83_000,
  runs: 4,
  crashes: 2,
  inPerSecond: 1_002,
  outPerSecond: 998,
  inHistory: Array.from({ length: 40 }, (_, i) => i),
  outHistory: [1, 2, 3],
  lagEvents: 12,
  lagMs: 4.2,
  events: 123_456,
  passEvents: 20_000,
  duplicates: 12,
  foreign: 1,
  lost: 0,
  shards: [0.27, 0.2, 0.16, 0.37].map((share, i) => ({
    id: `shardId-00000000000${i}`,
    events: Math.round(share * 123_456),
    perSecond: share * 1_000,
    share,
  })),
  airports: Array.from({ length: 20 }, (_, i) => [
    `A${10 + i}`,
    { flights: 1_000 - i, delayMinutes: 7_000, late: 250 },
  ]),
  airportCount: 220,
  catchingUp: false,
  pickedUp: { afterCrash: true, events: 120_000, held: 250, lost: 0, expired: 0, duplicates: 12 },
  trouble: undefined,
};
const commands = commandsToCopy(view.endpoint, view.streamName, 'us-east-1');

test('the picture shows what a person wants to know', () => {
  const text = picture(view, { columns: 120, rows: 60 }, plainStyle, commands).join('\n');
  for (const wanted of [
    'http://127.0.0.1:4567',
    'up 0:01:23 · pid 4242 · data in ./data · run 4 · 2 crashes survived',
    '1,002/s',
    'lag 12 events · 4 ms',
    '123,456 counted once · pass 7 · 0 lost · 12 duplicates dropped · 1 foreign',
    '37 %',
    'Picked up at event 120,001 after a crash: 0 of 250 events at stake lost, 12 duplicates dropped.',
    'kill -9 4242 and start again: I will count.',
    'aws kinesis put-record',
    'GetRecordsCommand',
  ]) {
    assert.ok(text.includes(wanted), `${wanted}\n${text}`);
  }
});

test('it fits any terminal, with and without colour', () => {
  for (const style of [plainStyle, colourStyle]) {
    for (const columns of [1, 20, 40, 60, 80, 100, 200]) {
      for (const rows of [2, 5, 15, 24, 30, 50, 80]) {
        const lines = picture(view, { columns, rows }, style, commands);
        assert.ok(lines.length < rows, `${lines.length} lines in ${rows} rows`);
        for (const line of lines) assert.ok(width(line) <= columns, `${width(line)} in ${columns}: ${line}`);
      }
    }
  }
});

test('colour changes nothing but the colour', () => {
  const size = { columns: 80, rows: 24 };
  const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
  const bare = picture(view, size, colourStyle, commands).map((line) => line.replace(escapes, ''));
  assert.deepEqual(bare, picture(view, size, plainStyle, commands));
  assert.ok(!picture(view, size, plainStyle, commands).join('').includes('\x1b'));
});

test('on 80 × 24 all that matters is there, uncut', () => {
  const lines = picture(view, { columns: 80, rows: 24 }, plainStyle, commands);
  const text = lines.join('\n');
  assert.ok(text.includes('http://127.0.0.1:4567'));
  assert.ok(text.includes('I will count'));
  assert.ok(text.includes('Picked up at 120,001 after a crash: 0 of 250 lost, 12 duplicates dropped.'));
  assert.ok(!text.includes('…'), text);
});

test('losses, troubles and an unfinished catch-up are said', () => {
  const size = { columns: 100, rows: 30 };
  const text = (change: Partial<View>): string =>
    picture({ ...view, ...change }, size, plainStyle, []).join('\n');
  const pickedUp = { afterCrash: true, events: 5, held: 250, lost: 3, expired: 0, duplicates: 1 };
  assert.match(text({ lost: 3, pickedUp }), /3 LOST/);
  assert.match(text({ lost: 3, pickedUp }), /3 of 250 events at stake lost, 1 duplicate dropped/);
  assert.match(text({ trouble: 'nobody there' }), /Waiting: nobody there/);
  assert.match(text({ catchingUp: true }), /Reading what the last run left/);
  assert.match(text({ pickedUp: undefined }), /Counting from event 1/);
  assert.match(text({ shards: [], airports: [], events: 0 }), /0 counted once · pass 1/);
});

test('a plain line says the same in one line', () => {
  const line = plainLine(view);
  assert.ok(!line.includes('\n'));
  assert.match(
    line,
    /in 1,002\/s out 998\/s \| lag 12 events 4 ms \| 123,456 counted, 0 lost, 12 duplicates dropped/,
  );
  assert.match(line, /shards 27% 20% 16% 37% \| A10 1,000 \(\+7\.0 min\)/);
});

test('cutting keeps colours whole', () => {
  const red = colourStyle.bad('abcdef');
  assert.equal(width(fit(red, 4)), 4);
  assert.ok(fit(red, 4).endsWith('\x1b[22;39m'));
  assert.equal(fit('abc', 3), 'abc');
  assert.equal(fit('abcd', 3), 'ab…');
});

test('the screen draws over its last picture, and from the top after a resize', () => {
  const written: string[] = [];
  let resize = (): void => undefined;
  const terminal: Terminal = {
    write: (text) => {
      written.push(String(text));
    },
    taken: () => Promise.resolve(),
    isTerminal: true,
    size: () => ({ columns: 80, rows: 24 }),
    onResize: (listener) => {
      resize = listener;
    },
  };
  const screen = new Screen(terminal);
  screen.draw(['a', 'b']);
  screen.draw(['c']);
  resize();
  screen.draw(['d']);
  assert.ok(!written[0]?.includes('\x1b[2F'));
  assert.ok(written[1]?.includes('\x1b[2F'), 'goes up the two lines it drew');
  assert.ok(written[2]?.includes('\x1b[2J'));
  for (const text of written) assert.ok(!text.includes('\x1b[?25'), 'the cursor is never hidden');
});
