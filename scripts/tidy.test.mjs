// The house rules that a machine can check (STYLE.md), and the arrows of ARCHITECTURE.md, so that the drawing
// cannot lie. Each rule names the file and the line.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const read = (file) => readFileSync(path.join(root, file), 'utf8');

/** What git tracks, and what it would if it were added: the rules hold before a commit too. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(path.join(root, file)));

const sources = files
  .filter((file) => /^packages\/[^/]+\/(src|bin)\/.*\.(ts|js)$/.test(file))
  .map((file) => ({ file, package: file.split('/')[1], lines: read(file).split('\n') }));
const isTest = (file) =>
  /(\.(test|fuzz|bench)|-fixture)\.ts$/.test(file) || /\/(fixtures|testing)\//.test(file);

/** Lines of code that match, outside comments, as `file:line: text`. */
function found(pattern, wanted = () => true) {
  return sources
    .filter(({ file }) => wanted(file))
    .flatMap(({ file, lines }) =>
      lines
        .map((line, i) => ({ line, at: `${file}:${i + 1}: ${line.trim()}` }))
        .filter(({ line }) => !/^\s*(\/\/|\*|\/\*)/.test(line) && pattern.test(line))
        .map(({ at }) => at),
    );
}

/** The few files that own an effect; everywhere else it comes in as a parameter. */
const effectOwners = {
  time: ['packages/base/src/system-clock.ts'],
  randomness: ['packages/base/src/random.ts', 'packages/log/src/node-lock.ts'],
  files: [
    'packages/cli/src/demo/demo-folder.ts',
    'packages/cli/src/record-file.ts',
    'packages/log/src/blocking-disk.ts',
    'packages/log/src/node-disk.ts',
    'packages/log/src/node-lock.ts',
    'packages/server/src/clock/clock-file.ts',
    'packages/server/src/data-directory.ts',
    'packages/server/src/keys/key-directory.ts',
    'packages/server/src/tls/certificate-files.ts',
    'packages/server/src/upkeep/directory-files.ts',
  ],
  network: [
    'packages/cli/src/kinesis/http-caller.ts',
    'packages/log/src/node-lock.ts',
    'packages/server/src/gateway/gateway.ts',
    'packages/server/src/gateway/http2.ts',
    'packages/server/src/gateway/tls.ts',
  ],
  threads: [
    'packages/log/src/sorting-thread.ts',
    'packages/log/src/sorting-worker.ts',
    'packages/server/src/streams/codec/codec-thread.ts',
    'packages/server/src/streams/codec/codec-threads.ts',
  ],
  process: ['packages/cli/bin/millrace.js', 'packages/cli/src/host.ts', 'packages/sim/src/main.ts'],
};

const owners = [
  {
    effect: 'the wall clock and timers',
    pattern: /(?<!\.)\b(Date\.now|setTimeout|setInterval|performance\.now|process\.hrtime)\b|new Date\(\)/,
    files: effectOwners.time,
  },
  {
    effect: 'randomness',
    pattern: /\bMath\.random\b|\brandom(Bytes|UUID|Int|FillSync)\b/,
    files: effectOwners.randomness,
  },
  {
    effect: 'the file system',
    pattern: /from 'node:fs(\/promises)?'|import\('node:fs/,
    files: effectOwners.files,
  },
  {
    effect: 'the network',
    pattern: /from 'node:(net|http|http2|https|tls|dgram)'|import\('node:(net|http|http2|https|tls|dgram)'\)/,
    files: effectOwners.network,
  },
  {
    effect: 'threads',
    pattern: /from 'node:worker_threads'/,
    files: effectOwners.threads,
  },
  {
    effect: 'the environment and the process',
    pattern: /\bprocess\.(env|argv|exit|on)\b/,
    files: effectOwners.process,
  },
];

for (const { effect, pattern, files: owning } of owners) {
  test(`${effect}: only the files that own it`, () => {
    const strays = found(pattern, (file) => !isTest(file) && !owning.includes(file)).filter(
      (at) => !at.includes('import type'),
    );
    assert.deepEqual(strays, []);
    for (const file of owning) {
      assert.ok(existsSync(path.join(root, file)), `${file} is named as an owner and does not exist`);
      const used = found(pattern, (candidate) => candidate === file);
      assert.ok(used.length > 0, `${file} no longer needs ${effect}: take it off the list`);
    }
  });
}

test('packages import only what the arrow table of ARCHITECTURE.md allows', () => {
  const table = new Map();
  for (const [, name, allowed] of read('ARCHITECTURE.md').matchAll(/^\| ([a-z]+) \| ?([a-z, ]*) ?\|$/gm)) {
    if (name !== 'package') table.set(name, new Set(allowed.split(',').map((each) => each.trim())));
  }
  assert.ok(table.size >= 6, 'the table was found');
  const strays = [];
  for (const { file, package: from, lines } of sources) {
    assert.ok(table.has(from), `packages/${from} stands in the table`);
    lines.forEach((line, i) => {
      for (const [, to] of line.matchAll(/(?:from|import)\s*\(?'@millrace\/([a-z]+)/g)) {
        if (to !== from && !table.get(from).has(to)) strays.push(`${file}:${i + 1}: ${from} → ${to}`);
      }
      if (/from '(\.\.\/)+packages\//.test(line)) strays.push(`${file}:${i + 1}: imports around a package`);
    });
  }
  assert.deepEqual(strays, []);
});

test('each package declares exactly the packages it imports', () => {
  for (const name of new Set(sources.map((source) => source.package))) {
    const manifest = JSON.parse(read(`packages/${name}/package.json`));
    const declared = Object.keys(manifest.dependencies ?? {})
      .filter((each) => each.startsWith('@millrace/'))
      .sort();
    const imported = new Set();
    for (const source of sources.filter((each) => each.package === name && !isTest(each.file))) {
      for (const line of source.lines) {
        for (const [, to] of line.matchAll(/(?:from|import)\s*\(?'(@millrace\/[a-z]+)/g)) imported.add(to);
      }
    }
    assert.deepEqual([...imported].sort(), declared, `packages/${name}/package.json`);
  }
});

/** The modules that are read when `file` is: what it imports other than for its types, and what those import. */
function readWith(file, by = new Map()) {
  for (const [, names = '', what] of read(file).matchAll(importPattern)) {
    if (names.startsWith('type ')) continue;
    const [, name, subpath = 'index'] = /^@millrace\/([a-z]+)(?:\/(.*))?$/.exec(what) ?? [];
    const imported = what.startsWith('.')
      ? path.join(path.dirname(file), what.replace(/\.js$/, '.ts'))
      : name && `packages/${name}/src/${subpath}.ts`;
    if (imported === undefined || by.has(imported)) continue;
    by.set(imported, file);
    readWith(imported, by);
  }
  return by;
}
const importPattern = /^(?:import|export) ([^;']*? ?)(?:from )?'([^']+)';$/gm;
/** A module costs a start half a millisecond. Whoever raises this has looked whether `serve` needs the new ones at its start. */
const modulesOfStartMax = 252;

test('a start of `serve` reads nothing that ARCHITECTURE.md says is loaded on demand', () => {
  const table = read('ARCHITECTURE.md').matchAll(/^\| `([\w/.-]+)` \| [^|]+ \|$/gm);
  const onDemand = Array.from(table, ([, what]) => `packages/${what}`);
  assert.ok(onDemand.length >= 5, 'the table is there');
  for (const what of onDemand) {
    assert.ok(
      files.some((file) => file.startsWith(what)),
      `${what} is there`,
    );
  }
  const start = readWith('packages/cli/src/main.ts', readWith('packages/cli/src/commands/serve.ts'));
  const early = [...start].filter(([file]) => onDemand.some((what) => file.startsWith(what)));
  assert.deepEqual(
    early.map(([file, by]) => `${file}, by ${by}`),
    [],
  );
  assert.ok(start.size > 180 && start.size <= modulesOfStartMax, `${start.size} modules`);
});

test('inside server, a service never imports another service, and only the root composes', () => {
  const rooms = [
    'streams',
    'catalog',
    'gateway',
    'dispatch',
    'control',
    'clock',
    'faults',
    'keys',
    'telemetry',
    'tls',
  ];
  const allowed = {
    streams: ['catalog', 'dispatch', 'keys'],
    catalog: [],
    gateway: [],
    dispatch: ['gateway'],
    control: ['gateway', 'dispatch', 'clock', 'faults', 'telemetry'],
    clock: [],
    faults: ['dispatch'],
    keys: [],
    telemetry: [],
    tls: [],
  };
  const strays = [];
  for (const { file, lines } of sources) {
    const [, room] = /^packages\/server\/src\/([a-z]+)\//.exec(file) ?? [];
    if (!rooms.includes(room) || isTest(file)) continue;
    lines.forEach((line, i) => {
      const [, to] = /from '(?:\.\.\/)+([a-z]+)\//.exec(line) ?? [];
      if (rooms.includes(to) && to !== room && !allowed[room].includes(to)) {
        strays.push(`${file}:${i + 1}: ${room} → ${to}`);
      }
    });
  }
  assert.deepEqual(strays, []);
});

test('names: kebab-case files, and none that says nothing', () => {
  for (const file of files) {
    const base = path.basename(file);
    if (
      /^(packages|scripts|bench|docs)\//.test(file) &&
      /\.(ts|mjs|md)$/.test(file) &&
      base !== 'README.md'
    ) {
      assert.match(base, /^[a-z0-9]+([.-][a-z0-9]+)*$/, `${file} is not kebab-case`);
    }
    assert.doesNotMatch(base, /^(utils?|helpers?|common|manager|misc)\./, `${file} says nothing`);
  }
});

test('a file past 400 lines says why in its first comment', () => {
  for (const { file, lines } of sources) {
    if (lines.length <= 400 || isTest(file)) continue;
    assert.match(lines.slice(0, 40).join('\n'), /one file because/i, `${file} has ${lines.length} lines`);
  }
});

test('every file of source begins with, or soon has, a word on what it is', () => {
  for (const { file, lines } of sources) {
    if (isTest(file) || path.basename(file) === 'index.ts' || lines.length < 40) continue;
    assert.ok(
      lines.slice(0, 60).some((line) => /^\s*(\/\*\*|\/\/)/.test(line)),
      `${file} has no comment near its top`,
    );
  }
});

test('no default exports, no barrels but index.ts, no casts that hide a question, nothing left for later', () => {
  assert.deepEqual(found(/^export default/), []);
  assert.deepEqual(
    found(/^export \* from/, (file) => path.basename(file) !== 'index.ts'),
    [],
  );
  assert.deepEqual(found(/as unknown as|as any\b|: any\b|@ts-ignore|@ts-expect-error|@ts-nocheck/), []);
  assert.deepEqual(found(/\b(test|it|describe)\.(only|todo)\b/), []);
  const later = /\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/;
  for (const { file, lines } of sources) {
    lines.forEach((line, i) => {
      assert.doesNotMatch(line, later, `${file}:${i + 1}`);
    });
  }
});

test('no error is swallowed', () => {
  const swallowed = found(/catch\s*(\([^)]*\))?\s*\{\s*\}|\.catch\(\(\)\s*=>\s*(\{\s*\}|undefined|null)\)/);
  assert.deepEqual(swallowed, []);
});

test('a skipped test gives its reason', () => {
  assert.deepEqual(found(/skip: true|\.skip\(\)/), []);
});

test('every package has a README, and every relative link in the docs leads somewhere', () => {
  for (const name of new Set(sources.map((source) => source.package))) {
    assert.ok(files.includes(`packages/${name}/README.md`), `packages/${name}/README.md is missing`);
  }
  for (const file of files.filter((each) => each.endsWith('.md'))) {
    for (const [, target] of read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)) {
      assert.ok(existsSync(path.join(root, path.dirname(file), target)), `${file} links to ${target}`);
    }
  }
});

test('a number names one decision, and one page of the internals', () => {
  const numbers = files.flatMap((file) => /^docs\/(?:decisions|internals)\/\d+(?=-)/.exec(file) ?? []);
  assert.deepEqual(
    numbers.filter((each, i) => numbers.indexOf(each) !== i),
    [],
  );
});

test('the lockfile names no registry', () => {
  for (const lockfile of files.filter((file) => file.endsWith('package-lock.json'))) {
    assert.doesNotMatch(read(lockfile), /"resolved": "http/, lockfile);
  }
});
