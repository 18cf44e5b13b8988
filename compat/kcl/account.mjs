// The account of a run: what was put, and what came out of it. Rounds of one record a key are put, and the data of each
// begins with the number of its round, so that a record says where in its key's order it belongs.
//
// It holds when all that was acknowledged has come; when each key's records have come in the order in which they were
// put, by the time that each came first; and when nothing has come that was not put. A record may come again, as KCL
// promises no less than once and no more, but then from a place where someone began anew: `strict` allows no repetition.
import assert from 'node:assert/strict';

export class Account {
  #put = new Map();
  #came = new Map();
  /** Arrivals of the same record, beyond the first. */
  repeated = 0;
  records = 0;
  bytesMax = 0;

  put(key, round) {
    const rounds = this.#put.get(key) ?? new Set();
    rounds.add(round);
    this.#put.set(key, rounds);
  }

  /** A line of a worker. */
  came({ key, data, bytes, sequence, sub, shard }) {
    const round = Number(Buffer.from(data, 'base64').toString().split(' ')[0]);
    const own = this.#came.get(key) ?? { rounds: [], shards: [], seen: new Set() };
    this.#came.set(key, own);
    const at = `${sequence} ${sub}`;
    if (own.seen.has(at)) {
      this.repeated += 1;
      return;
    }
    own.seen.add(at);
    own.rounds.push(round);
    own.shards.push(shard);
    this.records += 1;
    this.bytesMax = Math.max(this.bytesMax, bytes);
  }

  /** Records that were acknowledged. */
  get acknowledged() {
    return [...this.#put.values()].reduce((sum, rounds) => sum + rounds.size, 0);
  }

  /** How many came of each key, those that came again not counted. */
  recordsOfKeys() {
    return new Map([...this.#came].map(([key, { rounds }]) => [key, rounds.length]));
  }

  /** An account of the same puts, of which nothing has come yet. */
  ofPuts() {
    const account = new Account();
    account.#put = this.#put;
    return account;
  }

  /** Records that were acknowledged and have not come. */
  get missing() {
    return [...this.#put].flatMap(([key, rounds]) => {
      const came = new Set(this.#came.get(key)?.rounds);
      return [...rounds].filter((round) => !came.has(round)).map((round) => ({ key, round }));
    });
  }

  /**
   * Throws what does not hold. `strict`: nothing came twice. `twice`: a put whose answer was lost was made again, so
   * that a round may follow itself. `withinShard`: there is an order within a key's records of one shard only.
   */
  check({ strict = false, twice = false, withinShard = false } = {}) {
    assert.deepEqual(this.missing.slice(0, 5), [], 'acknowledged, and never came');
    for (const [key, { rounds, shards }] of this.#came) {
      const put = this.#put.get(key);
      const latest = new Map();
      for (const [i, round] of rounds.entries()) {
        assert.ok(put?.has(round), `${key}: round ${round} came and was not put`);
        const line = withinShard ? shards[i] : 'all';
        const before = latest.get(line) ?? -1;
        latest.set(line, round);
        const inOrder = twice ? round >= before : round > before;
        assert.ok(inOrder, `${key}: round ${round} came after round ${before}`);
      }
    }
    if (strict) assert.equal(this.repeated, 0, 'records that came twice');
  }
}
