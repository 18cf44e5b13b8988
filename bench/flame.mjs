/**
 * Draws a V8 processor profile as a flame graph: what called what, from the bottom up, as wide as the time it took.
 *
 *      node bench/flame.mjs DIR/CPU.….cpuprofile docs/internals/put-records.svg "PutRecords, 500 × 1 KiB"
 *
 * Idle time is left out, and frames too narrow to see. A colour is a stage, as `stages.mjs` has them.
 */
import fs from 'node:fs';
import { Profile } from './profile.mjs';

const WIDTH = 1200;
const ROW = 16;
const MARGIN = 8;
const LEGEND = 44;
/** Of the whole; narrower frames are not drawn. */
const SHARE_MIN = 0.0015;
const CHARACTER = 6.2;

const COLOURS = {
  receive: '#8ecae6',
  decode: '#ffb703',
  hash: '#fb8500',
  route: '#cdb4db',
  log: '#90be6d',
  encode: '#f9c74f',
  send: '#4d9de0',
  dispatch: '#e5989b',
  'collect garbage': '#bc6c25',
  'kernel and libuv': '#adb5bd',
  other: '#dee2e6',
};

const [file, target, title] = process.argv.slice(2);
if (title === undefined) {
  console.error('usage: node bench/flame.mjs FILE.cpuprofile TARGET.svg TITLE');
  process.exit(2);
}
const profile = new Profile(file);

function frame(name, stage) {
  return { name, stage, micros: 0, children: new Map() };
}

const root = frame(title, 'other');
for (const { id, micros } of profile.samples) {
  if (profile.stage(id) === 'idle') continue;
  let at = root;
  at.micros += micros;
  for (const node of profile.stack(id)) {
    const name = profile.name(node);
    const next = at.children.get(name) ?? frame(name, profile.stage(node));
    at.children.set(name, next);
    next.micros += micros;
    at = next;
  }
}

const drawn = [];
let depth = 0;
function place(at, left, level) {
  drawn.push({ at, left, level });
  depth = Math.max(depth, level + 1);
  let from = left;
  for (const child of [...at.children.values()].sort((a, b) => a.name.localeCompare(b.name))) {
    if (child.micros >= root.micros * SHARE_MIN) place(child, from, level + 1);
    from += child.micros;
  }
}
place(root, 0, 0);

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const scale = (WIDTH - 2 * MARGIN) / root.micros;
const height = LEGEND + depth * ROW + MARGIN;

const bars = drawn.map(({ at, left, level }) => {
  const x = (MARGIN + left * scale).toFixed(1);
  const y = height - MARGIN - (level + 1) * ROW;
  const width = at.micros * scale;
  const share = ((at.micros * 100) / root.micros).toFixed(1);
  const fits = Math.floor((width - 4) / CHARACTER);
  const label = at.name.length <= fits ? at.name : `${at.name.slice(0, Math.max(0, fits - 1))}…`;
  const text =
    fits < 3 ? '' : `<text x="${(Number(x) + 2).toFixed(1)}" y="${y + ROW - 4}">${escaped(label)}</text>`;
  return (
    `<g><title>${escaped(at.name)}, ${share} %</title><rect x="${x}" y="${y}" width="${width.toFixed(1)}" ` +
    `height="${ROW - 1}" fill="${COLOURS[at.stage]}"/>${text}</g>`
  );
});
const legend = Object.entries(COLOURS).map(
  ([stage, colour], i) =>
    `<rect x="${MARGIN + i * 105}" y="24" width="10" height="10" fill="${colour}"/>` +
    `<text x="${MARGIN + i * 105 + 14}" y="33">${stage}</text>`,
);
fs.writeFileSync(
  target,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${MARGIN}" y="15" font-size="13">${escaped(title)}</text>
${[...legend, ...bars].join('\n')}
</svg>
`,
);
console.log(`${target}: ${drawn.length} frames`);
