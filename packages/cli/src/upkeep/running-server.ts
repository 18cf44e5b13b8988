/**
 * A snapshot of the server that has a data directory, ordered over its own port. Where that is, and a word that lets us,
 * the lock of the directory says: so nobody has to name an endpoint, and whoever may not open the directory is refused.
 */
import { sleep } from '@millrace/base';
import type { SnapshotStanding } from '@millrace/server';
import type { Introduction } from '@millrace/server/upkeep';
import type { Host } from '../host.js';
import { type HttpAnswer, HttpCaller } from '../kinesis/http-caller.js';
import { UsageError } from '../usage-error.js';
import type { ProgressLine } from './progress-line.js';

const route = '/_millrace/snapshot';
const lookMs = 100;

type Done = Extract<SnapshotStanding, { readonly state: 'done' | 'failed' }>;

/** Orders it and waits until it is over. Throws `UsageError` when the server refuses. */
export async function snapshotOfServer(
  server: Introduction,
  to: string,
  host: Host,
  line: ProgressLine,
): Promise<Done> {
  const caller = new HttpCaller(new URL(server.endpoint), server.certificate);
  try {
    const body = JSON.stringify({ to, pass: server.pass });
    const json = { 'content-type': 'application/json' };
    let standing = standingOf(await caller.call('POST', route, json, body));
    for (;;) {
      if (standing.state === 'done' || standing.state === 'failed') return standing;
      // Somebody's server that was started anew meanwhile: it knows nothing of ours.
      if (standing.state === 'none')
        throw new UsageError(`the server was started anew, and ${to} never finished`);
      const { bytesDone, bytesAll } = standing;
      line.show('copying', { file: to, bytesDone, bytesAll });
      await sleep(host.clock, lookMs);
      standing = standingOf(await caller.call('GET', route, {}, ''));
    }
  } finally {
    caller.close();
  }
}

function standingOf({ status, body }: HttpAnswer): SnapshotStanding {
  const answer: SnapshotStanding & { readonly message?: string } = JSON.parse(body.toString('utf8'));
  if (status >= 300) throw new UsageError(answer.message ?? `the server answered ${status}`);
  return answer;
}
