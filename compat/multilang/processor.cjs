// A processor of aws-kcl: prints each record, then checkpoints, so that what was checkpointed has been printed. The lines
// are those of java/worker/Lines.java, and go where COMPAT_LINES says: stdout is the daemon's. Checkpoints are at least half
// a second apart, but for the last: each changes the lease, and who wants to take one over must meet it unchanged. The library
// is found by NODE_PATH, which `require` alone looks at.
const { openSync, writeSync } = require('node:fs');
const kcl = require('aws-kcl');

const dataBytesMax = 64;
const checkpointMs = 500;
// For reading too: a pipe whose reader is gone, because the daemon was killed, must not hold us up.
const lines = openSync(process.env.COMPAT_LINES, 'r+');

/** One write for a line: processors of many shards share the pipe. */
function say(event, rest) {
  writeSync(lines, `${JSON.stringify({ event, ...rest })}\n`);
}

let shard;
let checkpointedMs = -checkpointMs;

function checkpoint(checkpointer, event, done) {
  checkpointer.checkpoint((error) => {
    // With an error the lease is another worker's by now, or the table could not be reached: the records come again.
    say(error ? 'not checkpointed' : event, { shard });
    done();
  });
}

const processor = {
  initialize(input, done) {
    shard = input.shardId;
    say('started', { shard });
    done();
  },

  processRecords({ records, checkpointer }, done) {
    for (const record of records) {
      const data = Buffer.from(record.data, 'base64');
      say('record', {
        shard,
        key: record.partitionKey,
        sequence: record.sequenceNumber,
        sub: record.subSequenceNumber,
        bytes: data.length,
        data: data.subarray(0, dataBytesMax).toString('base64'),
      });
    }
    if (performance.now() - checkpointedMs < checkpointMs) return done();
    checkpointedMs = performance.now();
    checkpoint(checkpointer, 'checkpointed', done);
  },

  leaseLost(_input, done) {
    say('lost', { shard });
    done();
  },

  shardEnded({ checkpointer }, done) {
    checkpoint(checkpointer, 'ended', done);
  },

  shutdownRequested({ checkpointer }, done) {
    checkpoint(checkpointer, 'stopped', done);
  },
};

kcl(processor).run();
