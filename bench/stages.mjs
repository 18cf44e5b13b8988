/**
 * Where the time of a put goes: reads what `npm run bench -- --profile DIR` left and prints microseconds per record
 * by stage, and the functions that cost most.
 *
 *      node bench/stages.mjs DIR/CPU.….cpuprofile RECORDS
 *
 * A sample belongs to the stage of our innermost function; what Node and the kernel do beneath it is its cost. The
 * profile is of the main thread, by the clock: writes and syncs run beside it, and on a machine that others share the
 * shares say more than the microseconds.
 */
import fs from 'node:fs';

/** Our own frames, innermost first; in order, the first that matches gives the stage. */
const OWN = [
  ['hash', /wire\/dist\/(md5|hash-key)/],
  ['encode', /codec\/[a-z-]*output|sequence-number-writer/],
  ['decode', /codec\/|wire\/dist\//],
  ['route', /server\/dist\/(streams|catalog)\//],
  ['log', /log\/dist\/|base\/dist\/checksum/],
  ['dispatch', /server\/dist\/dispatch\//],
  ['send', /(send|respond|headerLines) server\/dist\/gateway\//],
  ['receive', /server\/dist\/gateway\//],
];
/** Frames of Node and V8 under which none of ours is. */
const FOREIGN = [
  ['collect garbage', /\(garbage collector\)/],
  ['idle', /\(idle\)/],
  ['kernel and libuv', /\(program\)/],
  ['log', /node:(internal\/)?fs/],
  ['send', /writev|node:_http_(outgoing|server)|afterWrite|onwrite|[wW]rite/],
  ['receive', /node:(_http|net|http|http2|internal\/(streams|stream_base|http2|js_stream))/],
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

function match(rules, id) {
  for (let at = id; at !== undefined; at = parents.get(at)) {
    const name = nameOf(nodes.get(at));
    const found = rules.find(([, pattern]) => pattern.test(name));
    if (found !== undefined) return found[0];
  }
  return undefined;
}

function stage(id) {
  const known = stageOf.get(id) ?? match(OWN, id) ?? match(FOREIGN, id) ?? 'other';
  stageOf.set(id, known);
  return known;
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
  for (const [name, micros] of entries.sort((a, b) => b[1] - a[1])) {
    const share = name.startsWith('idle') ? '' : `${((micros * 100) / total).toFixed(1)} %`;
    console.log(`${(micros / Number(records)).toFixed(3).padStart(8)} ${share.padStart(8)}  ${name}`);
  }
};
console.log(`µs per record on the main thread, ${(total / Number(records)).toFixed(2)} in all`);
print([...byStage]);
console.log(`\nthe ${TOP} functions that cost most by themselves`);
print([...byFunction].sort((a, b) => b[1] - a[1]).slice(0, TOP));
