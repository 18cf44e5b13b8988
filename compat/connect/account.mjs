// The account of a pipeline: what its writer was fed, and what its reader wrote out. Records of a key are numbered in
// the order in which they were fed.
//
// It holds when all has come; when the sequence numbers of each key, whichever shards they are in, rise with its
// numbers; when each shard was read in the order of its sequence numbers; and when nothing came that was not fed. The
// writer puts again what it has no answer to, and the reader begins anew at its checkpoint when it was killed: `put`
// and `read` say how often each may have happened, and by themselves that is never.
import assert from 'node:assert/strict';

export class Account {
  #fed = new Map();
  #came = new Map();
  #shards = new Map();
  #strange = [];
  records = 0;
  /** Arrivals of the same record, beyond the first. */
  repeated = 0;

  /** The next line for the writer to put under `key`. */
  feed(key) {
    const number = this.#fed.get(key) ?? 0;
    this.#fed.set(key, number + 1);
    return JSON.stringify({ key, number });
  }

  /** A line that the reader wrote. */
  came({ shard, sequence, key, data }) {
    if (data.key !== key) this.#strange.push({ shard, sequence, key, data });
    const own = this.#came.get(key) ?? new Map();
    this.#came.set(key, own);
    if (own.has(sequence)) {
      this.repeated += 1;
      return;
    }
    own.set(sequence, data.number);
    this.#shards.set(shard, [...(this.#shards.get(shard) ?? []), BigInt(sequence)]);
    this.records += 1;
  }

  /** How much that was fed has not come. */
  get missing() {
    let missing = 0;
    for (const [key, fed] of this.#fed) {
      const came = new Set(this.#came.get(key)?.values());
      for (let number = 0; number < fed; number++) if (!came.has(number)) missing += 1;
    }
    return missing;
  }

  check({ putAgain = false, readAgain = false } = {}) {
    assert.deepEqual(this.#strange, [], 'came under another key than it was fed with');
    assert.equal(this.missing, 0, 'was fed, and never came');
    for (const [key, came] of this.#came) {
      const inOrder = [...came].map(([sequence, number]) => ({ sequence: BigInt(sequence), number }));
      inOrder.sort((one, other) => (one.sequence < other.sequence ? -1 : 1));
      for (const [i, { number }] of inOrder.entries()) {
        assert.ok(number < (this.#fed.get(key) ?? 0), `${key}: number ${number} came and was not fed`);
        const before = inOrder[i - 1]?.number ?? -1;
        if (putAgain) continue;
        assert.ok(number > before, `${key}: number ${number} is after number ${before}`);
      }
    }
    for (const [shard, sequences] of this.#shards) {
      for (const [i, sequence] of sequences.entries()) {
        assert.ok(i === 0 || sequence > sequences[i - 1], `${shard}: ${sequence} was read too late`);
      }
    }
    if (!readAgain) assert.equal(this.repeated, 0, 'records that were read twice');
  }
}
