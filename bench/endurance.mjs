/** Measurements of many shards and many gigabytes: what a server takes up, and what it costs to start it again. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createStreams } from './calls.mjs';
import { runLoad, withDirectory, withServerOn } from './measure.mjs';
import { meter, residentMb } from './process-figures.mjs';
import { diskBytes, settlings, startServer } from './servers.mjs';

/** Long enough for V8 to have collected what making the streams has left. */
const REST_MS = 8000;
const SAMPLE_MS = 500;
const SETTLED_MS_MAX = 300_000;
const GB = 1e9;
/** Of 1 KiB: more than a journal file takes. */
const JOURNAL_RECORDS = 140_000;

/** Makes streams over the API, lets the server rest, and starts it again with them. */
export function measureIdleShards(name, { streams, shards }, options) {
  return withDirectory(name, options.root, async (dir) => {
    const made = await withServerOn(name, dir, options, async (server) => {
      await pause(REST_MS);
      const emptyMb = residentMb(server.pid);
      const createdMs = await createStreams(server.port, 'idle', streams, shards);
      await pause(REST_MS);
      const shares = meter(server.pid);
      await pause(REST_MS);
      const { serverBusy } = shares();
      return { emptyMb, createdMs, fullMb: residentMb(server.pid), idleBusy: serverBusy };
    });
    return withServerOn(name, dir, options, async (server) => {
      await pause(REST_MS);
      const restartedMb = residentMb(server.pid);
      const bytesPerShard = ((made.fullMb - made.emptyMb) * 1e6) / (streams * shards);
      return { ...made, restartedMb, bytesPerShard, restartMs: server.firstAnswerMs };
    });
  });
}

/** Fills a server, starts it anew so that nothing is in its memory, and reads. */
export function measureReread(name, { fill, read }, options) {
  return withDirectory(name, options.root, async (dir) => {
    const filled = await withServerOn(name, dir, options, async (server) => {
      const result = await runLoad({ ...fill, kind: 'fill', port: server.port, serverPid: server.pid });
      if (fill.settled) {
        // The newest journal file settles once it has been left for another.
        const behind = { kind: 'fill', stream: 'behind', shards: 4, recordBytes: 1024 };
        await runLoad({ ...behind, fillRecords: JOURNAL_RECORDS, port: server.port, serverPid: server.pid });
        await untilSettled(dir);
      }
      return result;
    });
    return withServerOn(name, dir, options, async (server) => {
      const figures = await runLoad({ ...filled, ...read, port: server.port, serverPid: server.pid });
      return { ...figures, residentMb: residentMb(server.pid) };
    });
  });
}

/** Resolves when the journal has come down to the file that is written. */
async function untilSettled(dir) {
  const until = performance.now() + SETTLED_MS_MAX;
  while (journalFiles(dir).length > 1) {
    if (performance.now() > until) throw new Error(`the journal was not settled in ${SETTLED_MS_MAX} ms`);
    await pause(SAMPLE_MS);
  }
}

function journalFiles(dir) {
  return fs
    .readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.startsWith('journal-'))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

/** How a flow's samples are told: the most of each tenth of its time. */
const PARTS = 10;
/** A stream is read and deleted while the next is filled. */
const STREAMS_ALIVE = 2;

/** Lets data flow through a server that is deleted again, and watches memory and disk meanwhile. */
export function measureFlow(name, job, options) {
  return withDirectory(name, options.root, (dir) =>
    withServerOn(name, dir, options, async (server) => {
      const samples = [];
      const began = performance.now();
      let diskMax = 0;
      let done = false;
      const watch = (async () => {
        while (!done) {
          samples.push({ seconds: (performance.now() - began) / 1000, mb: residentMb(server.pid) });
          diskMax = Math.max(diskMax, diskBytes(dir));
          await pause(SAMPLE_MS);
        }
      })();
      try {
        const flowBytes = options.gigabytes * GB;
        const load = { ...job, kind: 'flow', flowBytes, port: server.port, serverPid: server.pid };
        const figures = await runLoad(load);
        const half = samples.slice(samples.length >> 1);
        return {
          ...figures,
          megabytesPerSecond: figures.flowedBytes / figures.seconds / 1e6,
          residentMaxMb: Math.max(...samples.map(({ mb }) => mb)),
          residentPartsMb: mostOfEach(samples, PARTS),
          // The first half has the process growing to its size in it: what flat means is seen behind it.
          residentGrownMb: slope(half) * (half.at(-1).seconds - half[0].seconds),
          diskMaxGb: diskMax / GB,
          diskPerByte: diskMax / Math.min(flowBytes, STREAMS_ALIVE * job.streamBytes),
          settlings: settlings(dir),
        };
      } finally {
        done = true;
        await watch;
      }
    }),
  );
}

/** The most that was resident in each of `count` parts of the samples. */
function mostOfEach(samples, count) {
  const each = Math.ceil(samples.length / count);
  const parts = Math.ceil(samples.length / each);
  return Array.from({ length: parts }, (_, i) =>
    Math.max(...samples.slice(i * each, (i + 1) * each).map(({ mb }) => mb)),
  );
}

/** MB a second of the straight line that is nearest to the samples. */
function slope(samples) {
  const mean = (of) => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const seconds = mean((sample) => sample.seconds);
  const mb = mean((sample) => sample.mb);
  const spread = mean((sample) => (sample.seconds - seconds) ** 2);
  return spread === 0 ? 0 : mean((sample) => (sample.seconds - seconds) * (sample.mb - mb)) / spread;
}

/** Fills a server, kills it in the middle of its work, and starts it again. */
export function measureReopen(name, job, options) {
  return withDirectory(name, options.root, async (dir) => {
    const server = await startServer(name, dir, options.nodeOptions);
    let stored;
    try {
      const fillRecords = Math.round((options.gigabytes * GB) / job.recordBytes);
      await runLoad({ ...job, kind: 'fill', fillRecords, port: server.port, serverPid: server.pid });
    } finally {
      await server.kill();
      const journals = journalFiles(dir).map((file) => fs.statSync(file).size);
      stored = {
        storedGb: diskBytes(dir) / GB,
        journalGb: journals.reduce((sum, size) => sum + size, 0) / GB,
      };
    }
    return withServerOn(name, dir, options, async (again) => {
      const reopenMs = again.firstAnswerMs;
      await pause(REST_MS);
      return { ...stored, reopenMs, residentMb: residentMb(again.pid) };
    });
  });
}
