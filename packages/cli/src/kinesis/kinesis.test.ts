import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { SystemClock, seededRandom } from '@millrace/base';
import { Kinesis } from './kinesis.js';
import { KinesisError } from './kinesis-error.js';
import { putAll } from './put-all.js';
import { endpointOf } from './target.js';

const clock = new SystemClock({ holdsProcess: true });
const random = seededRandom(1);

interface Asked {
  readonly target: string;
  readonly body: { readonly Records?: readonly { readonly Data: string }[] };
}
type Answers = (asked: Asked, call: number) => { readonly status: number; readonly body: string } | 'cut';

/** A server that answers what a test says. */
async function answering(t: TestContext, answers: Answers): Promise<{ kinesis: Kinesis; calls: Asked[] }> {
  const calls: Asked[] = [];
  const server: Server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const asked = { target: String(request.headers['x-amz-target']), body: JSON.parse(text) };
    calls.push(asked);
    const answer = answers(asked, calls.length);
    if (answer === 'cut') request.socket.destroy();
    else response.writeHead(answer.status).end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const target = { endpoint: new URL(`http://127.0.0.1:${port}`), region: 'us-east-1', accessKeyId: 'x' };
  const kinesis = new Kinesis(target, { clock, random });
  t.after(async () => {
    kinesis.close();
    server.close();
  });
  return { kinesis, calls };
}

const accepted = (i: number): object => ({ ShardId: 'shardId-000000000000', SequenceNumber: String(i) });
const throttled = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' };
const manner = { clock, random, signal: new AbortController().signal };
const entries = (count: number): { partitionKey: string; data: Buffer }[] =>
  Array.from({ length: count }, (_, i) => ({ partitionKey: 'k', data: Buffer.from(String(i)) }));
const dataOf = ({ body }: Asked): readonly string[] =>
  (body.Records ?? []).map(({ Data }) => Buffer.from(Data, 'base64').toString());

test('of a batch only the refused records are put again, and each outcome stays with its record', async (t) => {
  const { kinesis, calls } = await answering(t, ({ body }, call) => ({
    status: 200,
    body: JSON.stringify({
      FailedRecordCount: 0,
      Records: (body.Records ?? []).map(({ Data }, i) => {
        const value = Number(Buffer.from(Data, 'base64').toString());
        return call < 3 && i % 2 === 1 ? throttled : accepted(value);
      }),
    }),
  }));
  const { outcomes, resent } = await putAll(kinesis, 's', entries(6), manner);
  assert.deepEqual(calls.map(dataOf), [['0', '1', '2', '3', '4', '5'], ['1', '3', '5'], ['3']]);
  assert.equal(resent, 4);
  assert.deepEqual(
    outcomes.map((each) => each.kind === 'accepted' && each.sequenceNumber),
    ['0', '1', '2', '3', '4', '5'],
  );
});

test('a record that is refused for ever is given up, with the reason', { timeout: 60_000 }, async (t) => {
  const { kinesis } = await answering(t, () => ({
    status: 200,
    body: JSON.stringify({ Records: [throttled] }),
  }));
  const quick = {
    ...manner,
    clock: { now: () => clock.now(), schedule: (_: number, run: () => void) => clock.schedule(0, run) },
  };
  const { outcomes } = await putAll(kinesis, 's', entries(1), quick);
  assert.deepEqual(outcomes, [
    { kind: 'refused', code: 'ProvisionedThroughputExceededException', message: 'Rate exceeded' },
  ]);
});

test('requests keep to 500 records', async (t) => {
  const { kinesis, calls } = await answering(t, ({ body }) => ({
    status: 200,
    body: JSON.stringify({ Records: (body.Records ?? []).map((_, i) => accepted(i)) }),
  }));
  const { outcomes } = await putAll(kinesis, 's', entries(1_201), manner);
  assert.deepEqual(
    calls.map((call) => dataOf(call).length),
    [500, 500, 201],
  );
  assert.equal(outcomes.length, 1_201);
});

test('a throttled, a troubled and a cut-off call are made again; one that is refused is not', async (t) => {
  const { kinesis, calls } = await answering(t, (_, call) => {
    if (call === 1) return { status: 400, body: '{"__type":"LimitExceededException","message":"Rate"}' };
    if (call === 2) return { status: 500, body: 'oops' };
    if (call === 3) return 'cut';
    if (call === 4) return { status: 200, body: '{"StreamNames":[]}' };
    return {
      status: 400,
      body: '{"__type":"com.amazon#ValidationException","message":"1 validation error"}',
    };
  });
  assert.deepEqual(await kinesis.streams(), []);
  assert.equal(calls.length, 4);
  await assert.rejects(kinesis.streams(), (error) => {
    assert.ok(error instanceof KinesisError);
    assert.equal(error.code, 'refused');
    assert.equal(error.message, 'ValidationException: 1 validation error');
    return true;
  });
  assert.equal(calls.length, 5);
});

test('what is no Kinesis is told so', async (t) => {
  const { kinesis } = await answering(t, () => ({ status: 200, body: '<html>' }));
  await assert.rejects(kinesis.describe('s'), /is it a Kinesis endpoint\?$/);
});

test('nobody there is said in a sentence that says what to do', async () => {
  // Taken and let go: nobody listens there now.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const target = { endpoint: new URL(`http://127.0.0.1:${port}`), region: 'us-east-1', accessKeyId: 'x' };
  const waits: string[] = [];
  const kinesis = new Kinesis(target, {
    clock,
    random,
    patienceMs: 100,
    onWait: ({ code }) => waits.push(code),
  });
  await assert.rejects(
    kinesis.streams(),
    /^KinesisError: nothing answers at .*: start `millrace serve`, or name/,
  );
  assert.deepEqual(waits, ['unreachable']);
});

test('AWS itself is refused before anything is sent', () => {
  for (const text of ['https://kinesis.us-east-1.amazonaws.com', 'kinesis.cn-north-1.amazonaws.com.cn']) {
    assert.throws(() => endpointOf(text), /is AWS itself/);
  }
  assert.equal(endpointOf('localhost:4567').href, 'http://localhost:4567/');
  assert.throws(() => endpointOf('ftp://x'), /is no endpoint/);
});
