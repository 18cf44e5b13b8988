/**
 * A codec thread: bodies and pages in shared memory come in, batches and answers go out, one after another. It holds
 * nothing between two jobs. An error is not caught: it ends the thread, and the main thread does the job itself and meets the same error.
 */
import { parentPort } from 'node:worker_threads';
import { assert, present } from '@millrace/base';
import { cborProtocol, jsonProtocol } from '@millrace/wire';
import type { PutBatch } from '../put-batch.js';
import type { CodecAnswer, CodecJob, CodecReady } from './codec-message.js';
import { encodePage } from './get-records-output.js';
import { decodePut } from './put-codec.js';
import { finished } from './sliced.js';

const port = present(parentPort ?? undefined, 'the port of a thread');
const protocols = [jsonProtocol, cborProtocol];

port.on('message', (job: CodecJob) => {
  const known = protocols.find((each) => each.contentType === job.contentType);
  const protocol = present(known, 'the protocol of a job');
  const result =
    'page' in job
      ? finished(encodePage(protocol, job.page, (bytes) => roomFor(bytes, job.memory)))
      : finished(decodePut(job.name, protocol, job.body, job.memory));
  const answer: CodecAnswer = { id: job.id, result };
  port.postMessage(answer, result === undefined ? [] : arraysOf(result).flatMap(memoryOf));
});

const ready: CodecReady = { ready: true };
port.postMessage(ready);

/** `memory`, where that is enough. */
function roomFor(bytes: number, memory: ArrayBuffer): Buffer {
  return bytes <= memory.byteLength ? Buffer.from(memory) : Buffer.allocUnsafeSlow(bytes);
}

function arraysOf(result: PutBatch | Uint8Array): readonly (Uint8Array | Uint32Array)[] {
  return result instanceof Uint8Array ? [result] : [result.payload, result.ends, result.hashes];
}

/** The memory of `array`, to be moved. What is Node's pool is shared with others, and is copied. */
function memoryOf(array: Uint8Array | Uint32Array): ArrayBuffer[] {
  const { buffer, byteOffset } = array;
  if (buffer.byteLength <= Buffer.poolSize) return [];
  assert(buffer instanceof ArrayBuffer && byteOffset === 0, 'a large result has its memory to itself');
  return [buffer];
}
