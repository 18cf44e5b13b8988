/** What all clients of the streams in one run share: the service of this life, the checker, and whom they call as. */
import { LogError } from '@millrace/log';
import type { GetRecordsResult, Stream, Streams } from '@millrace/server';
import type { Harness } from './harness.js';
import type { LineageChecker } from './lineage-checker.js';
import { SealedWatch } from './sealed-watch.js';
import { StreamsChecker } from './streams-checker.js';
import type { RecordsAnswer } from './streams-model.js';
import { check } from './violation.js';

export const caller = { account: '123456789012', region: 'us-east-1' };

export class StreamsWorld {
  readonly harness: Harness;
  readonly checker = new StreamsChecker();
  readonly sealed = new SealedWatch();
  #service: Streams | undefined;

  constructor(harness: Harness) {
    this.harness = harness;
  }

  get lineage(): LineageChecker {
    return this.checker.lineage;
  }

  get service(): Streams {
    check(this.#service !== undefined, () => 'no streams are open');
    return this.#service;
  }

  get nowMs(): number {
    return this.harness.machine.clock.now();
  }

  get streams(): Stream[] {
    return [...this.service.view.streams.values()];
  }

  find(name: string): Stream | undefined {
    return this.streams.find((stream) => stream.name === name);
  }

  /** A server has started; its clock stands where it should. */
  started(service: Streams): void {
    this.#service = service;
    this.lineage.sawTime(this.harness.machine.newestMs);
    this.checker.started(this.nowMs, this.streams);
  }

  lifeEnds(): void {
    this.#service = undefined;
    this.checker.crashed();
  }

  /** What the catalog shows is so from now on. */
  observe(): void {
    if (this.#service === undefined) return;
    this.lineage.sawTime(this.harness.machine.newestMs);
    this.lineage.observe(this.#service.view.streams.values());
  }

  /** Whether a read failed, and the disk may be blamed. */
  unreadable(error: unknown): boolean {
    return error instanceof LogError && error.code === 'disk' && !this.diskIsGood;
  }

  /** Whether what is refused is certainly not there: nothing has failed in this life. */
  get diskIsGood(): boolean {
    return this.harness.machine.disk.counts.ioErrors === 0 && this.harness.subject.moody !== true;
  }
}

export function addressOf(stream: Stream): { readonly StreamName: string } {
  return { StreamName: stream.name };
}

/** An answer of GetRecords as the checker takes it. */
export function answerOf(result: GetRecordsResult): RecordsAnswer {
  const { records, nextIterator, millisBehindLatest, children } = result;
  return {
    records,
    stored: (i) => {
      const buffer = records.buffers[records.bufferOf[i] ?? -1];
      check(buffer !== undefined, () => `record ${i} of an answer has no bytes`);
      return buffer.subarray(records.starts[i], records.ends[i]);
    },
    ended: nextIterator === undefined,
    millisBehindLatest,
    children,
  };
}
