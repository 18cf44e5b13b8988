// The bench must not flatter: answers that are wrong, records that are lost and targets that are missed all count.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { test } from 'node:test';
import { putLoad, Sent } from '../bench/put-load.mjs';
import { readBack } from '../bench/read-load.mjs';
import { judge } from '../bench/report.mjs';

const RECORDS = 20;
const REQUESTS = 50;

/** Serves `answer(operation, input)` until `work(port)` is done; the answer is `[status, object]`. */
async function serving(protocol, answer, work) {
  const onRequest = (req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      const operation = req.headers['x-amz-target'].split('.')[1];
      const [status, output] = answer(operation, JSON.parse(Buffer.concat(chunks)));
      const body = JSON.stringify(output);
      res.writeHead(status, { 'content-length': Buffer.byteLength(body) });
      res.end(body);
    });
  };
  const server = protocol === 'h2c' ? http2.createServer(onRequest) : http.createServer(onRequest);
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work(server.address().port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const acknowledged = (records, failed = 0) => [
  200,
  {
    FailedRecordCount: failed,
    Records: records.map((_, i) => ({ SequenceNumber: String(i), ShardId: 'shard' })),
  },
];

async function putAll(port, protocol = 'http1') {
  const sent = new Sent(RECORDS);
  const shape = {
    format: 'json',
    stream: 's',
    connections: 2,
    recordsPerRequest: RECORDS,
    recordBytes: 4000,
  };
  let answers = 0;
  await putLoad(
    { port, protocol, ...shape },
    sent,
    (requests) => requests >= REQUESTS,
    () => {
      answers++;
    },
  );
  assert.equal(answers, REQUESTS);
  return sent;
}

for (const protocol of ['http1', 'h2c']) {
  test(`every record put over ${protocol} has a partition key and data of its own`, async () => {
    const keys = new Set();
    const answer = (_, input) => {
      for (const record of input.Records) keys.add(record.PartitionKey);
      return acknowledged(input.Records);
    };
    const sent = await serving(protocol, answer, (port) => putAll(port, protocol));
    assert.equal(sent.records, RECORDS * REQUESTS);
    assert.equal(keys.size, RECORDS * REQUESTS);
  });
}

test('a put that is refused, fails in part or answers too few records ends the run', async () => {
  const lies = [
    () => [500, {}],
    (_, input) => acknowledged(input.Records, 1),
    (_, input) => acknowledged(input.Records.slice(1)),
  ];
  for (const lie of lies)
    await assert.rejects(
      serving('http1', lie, (port) => putAll(port)),
      /a put was answered with/,
    );
});

/** A server that keeps what it is given in one shard and gives back what `page` makes of it. */
function keeping(page) {
  const kept = [];
  return (operation, input) => {
    switch (operation) {
      case 'PutRecords':
        kept.push(...input.Records);
        return acknowledged(input.Records);
      case 'GetShardIterator':
        return [200, { ShardIterator: '0' }];
      default: {
        const from = Number(input.ShardIterator);
        const records = page(kept).slice(from, from + 100);
        return [
          200,
          { Records: records, NextShardIterator: String(from + records.length), MillisBehindLatest: 0 },
        ];
      }
    }
  };
}

test('what is read back is held against what was acknowledged', async () => {
  const puttingAndReading = (page) =>
    serving('http1', keeping(page), async (port) => {
      const sent = await putAll(port);
      await readBack({ port, stream: 's', shardIds: ['shard'] }, sent);
    });
  await puttingAndReading((kept) => kept);
  await assert.rejects(
    puttingAndReading((kept) => kept.slice(1)),
    /1000 records were acknowledged, 999 were read back/,
  );
  await assert.rejects(
    puttingAndReading((kept) => [...kept, kept[0]]),
    /read twice or never sent/,
  );
  await assert.rejects(
    puttingAndReading((kept) => kept.map((record) => ({ ...record, Data: kept[0].Data }))),
    /has other data than was put/,
  );
});

test('a row divides each run by its neighbour and misses its target by the median', () => {
  const runs = [
    [90, 100],
    [300, 200],
    [70, 100],
  ].map(
    ([a, b]) =>
      new Map([
        ['a', { x: a }],
        ['b', { x: b }],
      ]),
  );
  const row = { title: 't', unit: 'u', value: (figures) => figures.x, beside: 'b', atLeast: 1 };
  const entrants = [{ label: 'a' }, { label: 'b' }];
  assert.deepEqual(judge(row, entrants, runs).ratios, [0.9, 1.5, 0.7]);
  assert.equal(judge(row, entrants, runs).met, false);
  assert.equal(judge({ ...row, atLeast: 0.9 }, entrants, runs).met, true);
  assert.equal(
    judge({ ...row, beside: undefined, atLeast: undefined, atMost: 89 }, entrants, runs).met,
    false,
  );
});
