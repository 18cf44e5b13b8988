/**
 * Where the time of a put goes: reads what `npm run bench -- --profile DIR` left and prints microseconds per record
 * by stage, and the functions that cost most.
 *
 *      node bench/stages.mjs DIR/CPU.….cpuprofile RECORDS
 *
 * A sample belongs to the stage of the innermost frame that a rule knows; what Node and the kernel do beneath one of
 * our functions is its cost. The profile is of the main thread: writes and syncs run beside it.
 */
import fs from 'node:fs';

/** In order: the first that matches a frame's file or function gives the stage. */
const STAGES = [
  ['hash', /wire\/dist\/(md5|hash-key)/],
  ['encode', /codec\/.*(answer|output|encode)|sequence-number/],
  ['decode', /codec\/|wire\/dist\//],
  ['route', /server\/dist\/streams\/|server\/dist\/catalog\//],
  ['log', /log\/dist\/|node:internal\/fs|node:fs/],
  ['dispatch', /server\/dist\/dispatch\//],
  ['send', /\b(send|respond|#?headerLines|writeHead|_send|_writeRaw|afterWriteDispatched|onWriteComplete)\b/],
  [
    'receive',
    /server\/dist\/gateway\/|node:_http|node:http|node:net|node:internal\/(stream_base|streams|http|js_stream)/,
  ],
  ['collect garbage', /\(garbage collector\)/],
  ['idle', /\(idle\)/],
  ['kernel and libuv', /\(program\)/],
];
const TOP = 25;

const [file, records] = process.argv.slice(2);
if (file === undefined || !(Number(records) > 0)) {
  console.error('usage: node bench/stages.mjs FILE.cpuprofile RECORDS');
  process.exit(2);
}
const profile = JSON.parse(fs.readFileSync(file, 'utf8'));

const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
const parents = new Map(
  profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])),
);
const stageOf = new Map();

function nameOf({ callFrame }) {
  const url = callFrame.url.replace(/^.*\/packages\//, '');
  return `${callFrame.functionName || '(anonymous)'} ${url}${url === '' ? '' : `:${callFrame.lineNumber + 1}`}`;
}

function stage(id) {
  const known = stageOf.get(id);
  if (known !== undefined) return known;
  const node = nodes.get(id);
  const own = STAGES.find(([, pattern]) => pattern.test(nameOf(node)))?.[0];
  const parent = parents.get(id);
  const found = own ?? (parent === undefined ? 'other' : stage(parent));
  stageOf.set(id, found);
  return found;
}

const byStage = new Map();
const byFunction = new Map();
let total = 0;
for (const [i, id] of profile.samples.entries()) {
  const micros = profile.timeDeltas[i];
  const of = stage(id);
  byStage.set(of, (byStage.get(of) ?? 0) + micros);
  const name = `${of.padEnd(16)} ${nameOf(nodes.get(id))}`;
  byFunction.set(name, (byFunction.get(name) ?? 0) + micros);
  if (of !== 'idle') total += micros;
}

const print = (entries) => {
  for (const [name, micros] of entries.sort((a, b) => b[1] - a[1]))
    console.log(`${(micros / Number(records)).toFixed(3).padStart(8)}  ${name}`);
};
console.log(`µs per record on the main thread, ${(total / Number(records)).toFixed(2)} in all`);
print([...byStage]);
console.log(`\nthe ${TOP} functions that cost most by themselves`);
print([...byFunction].sort((a, b) => b[1] - a[1]).slice(0, TOP));
