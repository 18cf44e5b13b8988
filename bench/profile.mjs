/**
 * A V8 processor profile, read for its stages. A sample belongs to the stage of our innermost function; what Node and
 * the kernel do beneath it is its cost. The profile is of one thread, by the clock: writes and syncs run beside it.
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

export class Profile {
  #nodes;
  #parents;
  #stages = new Map();

  constructor(file) {
    const { nodes, samples, timeDeltas } = JSON.parse(fs.readFileSync(file, 'utf8'));
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
    this.samples = samples.map((id, i) => ({ id, micros: timeDeltas[i] }));
  }

  /** The function of a node, with its file and line where it is ours. */
  name(id) {
    const { callFrame } = this.#nodes.get(id);
    const url = callFrame.url.replace(/^.*\/packages\//, '');
    return `${callFrame.functionName || '(anonymous)'} ${url}${url === '' ? '' : `:${callFrame.lineNumber + 1}`}`;
  }

  stage(id) {
    const known = this.#stages.get(id) ?? this.#match(OWN, id) ?? this.#match(FOREIGN, id) ?? 'other';
    this.#stages.set(id, known);
    return known;
  }

  /** The nodes from the root's child down to `id`. */
  stack(id) {
    const up = [];
    for (let at = id; this.#parents.has(at); at = this.#parents.get(at)) up.push(at);
    return up.reverse();
  }

  #match(rules, id) {
    for (let at = id; at !== undefined; at = this.#parents.get(at)) {
      const name = this.name(at);
      const found = rules.find(([, pattern]) => pattern.test(name));
      if (found !== undefined) return found[0];
    }
    return undefined;
  }
}
