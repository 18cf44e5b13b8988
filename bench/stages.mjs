/**
 * Where the time of a put goes: reads what `npm run bench -- --profile DIR` left and prints microseconds per record
 * by stage, and the functions that cost most.
 *
 *      node bench/stages.mjs DIR/CPU.….cpuprofile RECORDS
 *
 * On a machine that others share the shares say more than the microseconds.
 */
import { Profile } from './profile.mjs';

const TOP = 25;

const [file, records] = process.argv.slice(2);
if (file === undefined || !(Number(records) > 0)) {
  console.error('usage: node bench/stages.mjs FILE.cpuprofile RECORDS');
  process.exit(2);
}
const profile = new Profile(file);

const byStage = new Map();
const byFunction = new Map();
let total = 0;
for (const { id, micros } of profile.samples) {
  const of = profile.stage(id);
  byStage.set(of, (byStage.get(of) ?? 0) + micros);
  const name = `${of.padEnd(16)} ${profile.name(id)}`;
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
