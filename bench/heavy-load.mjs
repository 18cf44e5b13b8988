/**
 * What large requests do to everybody else: puts of 10 MiB at a steady pace, and one reader that drains a backlog from its
 * start, page after page, as fast as it is answered. In a process of its own, so that it does not hold up whoever
 * measures.
 *
 *      fill the backlog ──▶ begin ──▶ (others measure) ──▶ end
 */
import { createStream } from './calls.mjs';
import { connect } from './connect.mjs';
import { putLoad, Sent } from './put-load.mjs';
import { readLoad } from './read-load.mjs';
import { offsetsOf, PutRequest } from './requests.mjs';

const BACKLOG = 'backlog';
const LARGE = 'large';
const FILL = { protocol: 'http1', format: 'json', connections: 4, recordsPerRequest: 500, recordBytes: 1024 };
/** 500 × 20 KiB, nearly all that AWS takes in one call. */
const LARGE_PUT = { protocol: 'http1', format: 'json', recordsPerRequest: 500, recordBytes: 20 * 1024 };

/** Fills the backlog and answers its shard and records. */
async function fill({ port, gigabytes }) {
  const [shardId] = await createStream(port, BACKLOG, 1);
  const requests = Math.ceil((gigabytes * 1e9) / (FILL.recordsPerRequest * FILL.recordBytes));
  const sent = new Sent(FILL.recordsPerRequest);
  await putLoad(
    { ...FILL, port, stream: BACKLOG },
    sent,
    (count) => count >= requests,
    () => undefined,
  );
  return { shardId, shardRecords: sent.records };
}

/** Puts 10 MiB `perSecond` times a second, or as often as it is answered, until `stop` says so. */
async function putLarge({ port, largePerSecond }, stop) {
  const put = new PutRequest({ ...LARGE_PUT, stream: LARGE });
  const connection = await connect('http1', port);
  let puts = 0;
  while (!stop()) {
    const began = performance.now();
    put.renumber(puts);
    const { status, body } = await connection.send(put.request);
    if (status !== 200 || offsetsOf(body, '"SequenceNumber":"').length !== LARGE_PUT.recordsPerRequest)
      throw new Error(`a large put was answered with ${status}: ${body.toString('latin1', 0, 300)}`);
    puts++;
    const pause = 1000 / largePerSecond - (performance.now() - began);
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
  }
  connection.close();
  return puts;
}

/**
 * @param job `{ port, gigabytes, largePerSecond }`
 * @param measured resolves once the others have measured
 * @returns `{ largePuts, pages, pageRecords }`
 */
export async function heavyLoad(job, measured) {
  await createStream(job.port, LARGE, 4);
  const backlog = await fill(job);
  let over = false;
  let pages = 0;
  let pageRecords = 0;
  const stop = () => over;
  const drain = readLoad(
    { port: job.port, stream: BACKLOG, ...backlog, protocol: 'http1', format: 'json' },
    stop,
    (records) => {
      pages++;
      pageRecords += records;
    },
  );
  const putting = putLarge(job, stop);
  // Whatever fails here ends the measurement, which would otherwise be one of an idle server.
  await Promise.race([measured(), drain, putting]);
  over = true;
  const [largePuts] = await Promise.all([putting, drain]);
  return { largePuts, pages, pageRecords };
}
