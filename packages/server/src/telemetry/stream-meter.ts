/**
 * What goes into streams and comes out of them. Names of streams are the clients' choice, so their series are bounded:
 * the first `streamsMax` have their own, all others share one whose stream is `(others)`, a name that no stream has.
 */
import type { Family } from './exposition.js';

const streamsMax = 1000;
const others = { account: '', region: '', name: '(others)' } as const;

/** The stream that is told of; the incarnation tells two of one name apart. */
export interface MeteredStream {
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly incarnation: number;
}

interface Counts {
  readonly stream: Omit<MeteredStream, 'incarnation'>;
  recordsIn: number;
  bytesIn: number;
  refused: number;
  recordsOut: number;
  bytesOut: number;
}

export class StreamMeter {
  readonly #streams = new Map<number, Counts>();
  readonly #others: Counts = emptyCounts(others);

  /** So many records were taken, of so many bytes of keys and data, and so many were not. */
  took(stream: MeteredStream, records: number, bytes: number, refused: number): void {
    const counts = this.#countsOf(stream);
    counts.recordsIn += records;
    counts.bytesIn += bytes;
    counts.refused += refused;
  }

  /** So many were given out, to one reader. */
  gave(stream: MeteredStream, records: number, bytes: number): void {
    const counts = this.#countsOf(stream);
    counts.recordsOut += records;
    counts.bytesOut += bytes;
  }

  families(): readonly Family[] {
    const all = [...this.#streams.values()];
    if (this.#others.recordsIn + this.#others.refused + this.#others.recordsOut > 0) all.push(this.#others);
    // A stream that was made again under its name goes on with the counts of the one before.
    const byName = new Map<string, Counts>();
    for (const counts of all) {
      const { account, region, name } = counts.stream;
      const key = `${account}/${region}/${name}`;
      const before = byName.get(key);
      byName.set(key, before === undefined ? counts : summed(before, counts));
    }
    const family = (name: string, help: string, value: (counts: Counts) => number): Family => ({
      name,
      help,
      type: 'counter',
      samples: [...byName.values()].map((counts) => ({
        labels: { account: counts.stream.account, region: counts.stream.region, stream: counts.stream.name },
        value: value(counts),
      })),
    });
    return [
      family('millrace_stream_records_in_total', 'Records taken.', ({ recordsIn }) => recordsIn),
      family('millrace_stream_bytes_in_total', 'Keys and data of records taken.', ({ bytesIn }) => bytesIn),
      family(
        'millrace_stream_records_refused_total',
        'Records that a put did not take.',
        ({ refused }) => refused,
      ),
      family(
        'millrace_stream_records_out_total',
        'Records given out, once for every reader.',
        ({ recordsOut }) => recordsOut,
      ),
      family('millrace_stream_bytes_out_total', 'Keys and data given out.', ({ bytesOut }) => bytesOut),
    ];
  }

  #countsOf(stream: MeteredStream): Counts {
    const counts = this.#streams.get(stream.incarnation);
    if (counts !== undefined) return counts;
    if (this.#streams.size >= streamsMax) return this.#others;
    const { account, region, name } = stream;
    const made = emptyCounts({ account, region, name });
    this.#streams.set(stream.incarnation, made);
    return made;
  }
}

function emptyCounts(stream: Counts['stream']): Counts {
  return { stream, recordsIn: 0, bytesIn: 0, refused: 0, recordsOut: 0, bytesOut: 0 };
}

function summed(a: Counts, b: Counts): Counts {
  return {
    stream: a.stream,
    recordsIn: a.recordsIn + b.recordsIn,
    bytesIn: a.bytesIn + b.bytesIn,
    refused: a.refused + b.refused,
    recordsOut: a.recordsOut + b.recordsOut,
    bytesOut: a.bytesOut + b.bytesOut,
  };
}
