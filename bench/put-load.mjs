/**
 * Puts records as fast as a server acknowledges them: one request in flight on each connection, every answer checked.
 * Answers outside the measured window count as sent, not as measured.
 */
import { connect } from './connect.mjs';
import { offsetsOf, PutRequest } from './requests.mjs';

/** Bodies per connection that are sent in turn, each with data of its own. */
const BODIES_PER_CONNECTION = 2;

/** What was sent, so that it can be looked for afterwards: request number → the body that it carried. */
export class Sent {
  constructor(recordsPerRequest) {
    this.recordsPerRequest = recordsPerRequest;
    this.bodies = [];
    this.bodyOf = [];
  }

  get records() {
    return this.bodyOf.length * this.recordsPerRequest;
  }
}

/**
 * Runs the load until `stop(sentRequests)` says so.
 *
 * @param job `{ port, protocol, format, stream, connections, recordsPerRequest, recordBytes }`
 * @param onAnswer called with the milliseconds that a request took, after its answer was found right
 * @returns what was sent; all of it was acknowledged
 */
export async function putLoad(job, sent, stop, onAnswer) {
  const connections = await Promise.all(
    Array.from({ length: job.connections }, () => connect(job.protocol, job.port)),
  );
  const check = checkFor(job);
  const pump = async (connection) => {
    const puts = Array.from({ length: BODIES_PER_CONNECTION }, () => new PutRequest(job));
    const base = sent.bodies.push(...puts) - BODIES_PER_CONNECTION;
    for (let turn = 0; !stop(sent.bodyOf.length); turn = (turn + 1) % BODIES_PER_CONNECTION) {
      const number = sent.bodyOf.push(base + turn) - 1;
      puts[turn].renumber(number);
      const started = performance.now();
      const answer = await connection.send(puts[turn].request);
      check(answer);
      onAnswer(performance.now() - started);
    }
  };
  try {
    await Promise.all(connections.map(pump));
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** A check that an answer acknowledges every record of its request; it throws when it does not. */
function checkFor({ format, recordsPerRequest }) {
  const single = recordsPerRequest === 1;
  const noneFailed =
    format === 'cbor' ? Buffer.from('FailedRecordCount\0', 'latin1') : '"FailedRecordCount":0';
  const perRecord = format === 'cbor' ? 'SequenceNumber' : '"SequenceNumber":"';
  return ({ status, body }) => {
    const acknowledged = offsetsOf(body, perRecord).length;
    if (status === 200 && acknowledged === recordsPerRequest && (single || body.includes(noneFailed))) return;
    const start = body.toString('latin1', 0, 400);
    throw new Error(`a put was answered with ${status} and ${acknowledged} sequence numbers: ${start}`);
  };
}
