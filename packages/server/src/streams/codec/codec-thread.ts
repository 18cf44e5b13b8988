/**
 * A codec thread: bodies in shared memory come in, batches go out, one after another. It holds nothing between two
 * jobs. An error is not caught: it ends the thread, and the main thread does the job itself and meets the same error.
 */
import { parentPort } from 'node:worker_threads';
import { assert, present } from '@millrace/base';
import { cborProtocol, jsonProtocol } from '@millrace/wire';
import { inlineCodec } from './codec.js';
import type { CodecAnswer, CodecJob, CodecReady } from './codec-message.js';

const port = present(parentPort ?? undefined, 'the port of a thread');
const protocols = [jsonProtocol, cborProtocol];

port.on('message', ({ id, name, contentType, body }: CodecJob) => {
  const protocol = protocols.find((each) => each.contentType === contentType);
  const batch = inlineCodec.decodePut(name, present(protocol, 'the protocol of a job'), body);
  const answer: CodecAnswer = { id, batch };
  port.postMessage(
    answer,
    batch === undefined ? [] : [batch.payload, batch.ends, batch.hashes].map(memoryOf),
  );
});

const ready: CodecReady = { ready: true };
port.postMessage(ready);

function memoryOf(array: Uint8Array | Uint32Array): ArrayBuffer {
  const { buffer } = array;
  assert(buffer instanceof ArrayBuffer, 'a batch is not in shared memory');
  assert(buffer.byteLength === array.byteLength, 'a batch has its memory to itself');
  return buffer;
}
