import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdjustableClock, SystemClock } from '@millrace/base';
import { AwsError, blob, cborProtocol, jsonProtocol, required, string, structure } from '@millrace/wire';
import type { Answer, Exchange, StreamedAnswer } from '../gateway/exchange.js';
import { jsonLogger, silentLogger } from '../logger.js';
import { bind, bindStreaming } from './bind.js';
import { Dispatch } from './dispatch.js';
import { operation, type Service, streamingOperation } from './operation.js';

const input = structure('EchoInput', { Text: required(string({ max: 5 })), Data: blob() });
const output = structure('EchoOutput', { Text: string(), Account: string(), Region: string() });

const echo = operation<Echo, typeof input, typeof output>({
  name: 'Echo',
  input,
  output,
  errors: [],
  async handle(service, request, context) {
    if (request.Text === 'bug') throw new TypeError('not a function, with its secret');
    if (request.Text === 'aws') throw new AwsError('LimitExceededException', 'Too much.');
    await service.wait;
    return { Text: request.Text, Account: context.account, Region: context.region };
  },
});
const nothing = operation<Echo, typeof input, undefined>({
  name: 'Nothing',
  input,
  output: undefined,
  errors: [],
  async handle() {},
});
const hot = operation<Echo, typeof input, typeof output>({
  ...echo,
  name: 'Hot',
  hot: (_service, _protocol, body) =>
    body.length > 100 ? undefined : Promise.resolve(Buffer.from(`hot ${body.length}`)),
});

const pieces = streamingOperation<Echo, typeof input, typeof output>({
  name: 'Pieces',
  input,
  output,
  errors: [],
  async open(service, request, _context, protocol) {
    if (request.Text === 'aws') throw new AwsError('LimitExceededException', 'Too much.');
    async function* letters(): AsyncGenerator<Uint8Array, void> {
      for (const letter of request.Text) yield Buffer.from(`${letter}.`);
    }
    const made = letters();
    const pieces = {
      next: () => made.next(),
      return: async () => {
        service.letGo?.();
        return { done: true, value: undefined } as const;
      },
    };
    return { contentType: `events of ${protocol.contentType}`, pieces };
  },
});

async function gathered({ pieces: from, ...answer }: StreamedAnswer): Promise<Answer> {
  const parts: Uint8Array[] = [];
  for (let next = await from.next(); !next.done; next = await from.next()) parts.push(next.value);
  return { ...answer, body: Buffer.concat(parts) };
}

interface Echo {
  wait?: Promise<void>;
  /** Told when a stream is not wanted any more. */
  letGo?: () => void;
}

function dispatchOf(service: Echo = {}, lines?: string[]): Dispatch {
  const bound: Service = {
    targetPrefix: 'Echo_20260101',
    operations: new Map(
      [...[echo, nothing, hot].map((each) => bind(service, each)), bindStreaming(service, pieces)].map(
        (bound) => [bound.name, bound],
      ),
    ),
    notOffered: new Set(['Later']),
  };
  const clock = new AdjustableClock(new SystemClock());
  const logger = lines === undefined ? silentLogger : jsonLogger((line) => lines.push(line), clock, 'debug');
  return new Dispatch({ services: () => [bound], clock, logger, ownHosts: new Set(['streams.test']) });
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string | Uint8Array;
}

function send(dispatch: Dispatch, sent: Sent): Promise<Answer> {
  return new Promise((resolve) => {
    const exchange: Exchange = {
      method: sent.method ?? 'POST',
      path: sent.path ?? '/',
      header: (name) => sent.headers?.[name],
      body: typeof sent.body === 'object' ? sent.body : Buffer.from(sent.body ?? ''),
      requestId: 'the-request-id',
      signal: new AbortController().signal,
      respond: resolve,
      drop: () => resolve({ status: 0, contentType: undefined, body: new Uint8Array(0) }),
      respondInPieces: (answer) => void gathered(answer).then(resolve),
    };
    dispatch.handle(exchange);
  });
}

const json = 'application/x-amz-json-1.1';
const cbor = 'application/x-amz-cbor-1.1';
const call = (name: string, body: string, more: { readonly [name: string]: string } = {}): Sent => ({
  headers: { 'content-type': json, 'x-amz-target': `Echo_20260101.${name}`, ...more },
  body,
});
const told = (answer: Answer): unknown[] => [
  answer.status,
  answer.contentType,
  Buffer.from(answer.body).toString('latin1'),
];

const unnamed =
  '<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n';

test('an operation is found by its target and answers in the protocol of its request', async () => {
  const dispatch = dispatchOf();
  assert.deepEqual(told(await send(dispatch, call('Echo', '{"Text":"a"}'))), [
    200,
    json,
    '{"Text":"a","Account":"123456789012","Region":"us-east-1"}',
  ]);
  const answer = await send(dispatch, {
    headers: { 'content-type': cbor, 'x-amz-target': 'Echo_20260101.Echo' },
    body: cborProtocol.encode(input, { Text: 'b' }),
  });
  assert.equal(answer.contentType, cbor);
  assert.equal(cborProtocol.decode(output, answer.body).Text, 'b');
});

test('an operation that is not offered yet is refused as an unknown one, and says why', async () => {
  const lines: string[] = [];
  const answer = await send(dispatchOf({}, lines), call('Later', '{}'));
  const body = '{"__type":"UnknownOperationException","message":"Later is not offered by this server yet."}';
  assert.deepEqual(told(answer), [400, json, body]);
  assert.match(lines.join(''), /"operation":"Later"/);
});

test('an operation without output answers an empty body with the type of its request', async () => {
  assert.deepEqual(told(await send(dispatchOf(), call('Nothing', '{"Text":"a"}'))), [200, json, '']);
});

test('an operation with a way of its own takes what it wants and leaves the rest', async () => {
  assert.deepEqual(told(await send(dispatchOf(), call('Hot', '{}'))), [200, json, 'hot 2']);
  const long = `{"Text":"a"${' '.repeat(100)}}`;
  assert.match(String(told(await send(dispatchOf(), call('Hot', long)))[2]), /^\{"Text":"a"/);
});

test('an operation whose answer streams is answered in pieces, and refused whole', async () => {
  assert.deepEqual(told(await send(dispatchOf(), call('Pieces', '{"Text":"abc"}'))), [
    200,
    `events of ${json}`,
    'a.b.c.',
  ]);
  const refused = '{"__type":"LimitExceededException","message":"Too much."}';
  assert.deepEqual(told(await send(dispatchOf(), call('Pieces', '{"Text":"aws"}'))), [400, json, refused]);
  assert.equal((await send(dispatchOf(), call('Pieces', '{"Text":"sixsix"}'))).status, 400);
});

test('a stream whose answer is dropped is let go', async () => {
  let letGo = 0;
  const dispatch = dispatchOf({ letGo: () => letGo++ });
  dispatch.gate = { enter: () => ({ waitMs: 0, drop: 'answer', refusal: undefined }) };
  assert.equal((await send(dispatch, call('Pieces', '{"Text":"abc"}'))).status, 0);
  assert.equal(letGo, 1);
});

test('constraints, types and declared errors are answered as the protocol prints them', async () => {
  const dispatch = dispatchOf();
  const tooLong = await send(dispatch, call('Echo', '{"Text":"sixsix"}'));
  assert.equal(tooLong.status, 400);
  assert.match(
    String(told(tooLong)[2]),
    /^\{"__type":"ValidationException","message":"1 validation error detected: Value 'sixsix'/,
  );
  assert.match(
    String(told(await send(dispatch, call('Echo', '{"Text":[]}')))[2]),
    /"__type":"SerializationException"/,
  );
  assert.deepEqual(told(await send(dispatch, call('Echo', '{"Text":"aws"}'))), [
    400,
    json,
    '{"__type":"LimitExceededException","message":"Too much."}',
  ]);
});

test('requests that name nothing are answered as by AWS', async () => {
  const dispatch = dispatchOf();
  const target = { 'x-amz-target': 'Echo_20260101.Echo' };
  const cases: readonly (readonly [Sent, number, string | undefined, string])[] = [
    [{ method: 'GET' }, 403, undefined, unnamed],
    [{ ...call('Echo', '{"Text":"a"}'), method: 'PUT' }, 403, undefined, unnamed],
    [{ body: '{}' }, 403, undefined, unnamed],
    [{ body: '{}', headers: { 'x-amz-target': 'Echo_20260101' } }, 403, undefined, unnamed],
    [{ body: '{}', headers: target }, 404, undefined, '<UnknownOperationException/>\n'],
    [
      { body: '{}', headers: { ...target, 'content-type': 'text/plain' } },
      404,
      undefined,
      '<UnknownOperationException/>\n',
    ],
    [call('', '{}'), 400, json, '{"__type":"UnknownOperationException"}'],
    [call('Nope', '{}'), 400, json, '{"__type":"UnknownOperationException"}'],
    [
      { ...call('Echo', '{}'), headers: { 'content-type': json, 'x-amz-target': 'Other.Echo' } },
      400,
      json,
      '{"__type":"UnknownOperationException"}',
    ],
    [
      { ...call('Echo', '{}'), headers: { 'content-type': json } },
      400,
      json,
      '{"__type":"UnknownOperationException"}',
    ],
    [call('Nope', 'not json'), 400, json, '{"__type":"SerializationException"}'],
    [call('Nope', '"text"'), 400, json, '{"__type":"SerializationException"}'],
    [call('Echo', 'not json'), 400, json, '{"__type":"SerializationException"}'],
    [call('Echo', ''), 400, json, '{"__type":"SerializationException"}'],
    [call('Nope', ''), 400, json, '{"__type":"UnknownOperationException"}'],
    [
      call('Echo', '{"Text":"a"}', { 'content-type': 'application/json' }),
      404,
      'application/json',
      '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}',
    ],
    [
      call('Echo', 'nonsense', { 'content-type': 'application/json' }),
      400,
      'application/json',
      '{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}',
    ],
  ];
  for (const [sent, status, type, body] of cases) {
    assert.deepEqual(told(await send(dispatch, sent)), [status, type, body], JSON.stringify(sent));
  }
  const empty = await send(dispatch, { headers: target });
  assert.equal(empty.contentType, cbor, 'AWS answers in CBOR where it cannot tell');
});

test('parameters of a content type and the path do not matter', async () => {
  const sent = {
    ...call('Echo', '{"Text":"a"}', { 'content-type': `${json}; charset=utf-8` }),
    path: '/some/where',
  };
  assert.equal((await send(dispatchOf(), sent)).status, 200);
});

test('account and region come from the credential, signed or presigned, and are not believed blindly', async () => {
  const dispatch = dispatchOf();
  const of = async (sent: Sent): Promise<string> => {
    const { Account, Region } = jsonProtocol.decode(output, (await send(dispatch, sent)).body);
    return `${Account} ${Region}`;
  };
  const signed = (credential: string): Sent =>
    call('Echo', '{"Text":"a"}', {
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
    });
  assert.equal(await of(call('Echo', '{"Text":"a"}')), '123456789012 us-east-1');
  assert.equal(
    await of(signed('AKIAEXAMPLE/20260101/eu-west-1/kinesis/aws4_request')),
    '123456789012 eu-west-1',
  );
  assert.equal(
    await of(signed('000000000042/20260101/us-gov-west-1/kinesis/aws4_request')),
    '000000000042 us-gov-west-1',
  );
  assert.equal(await of(signed('')), '123456789012 us-east-1');
  assert.equal(await of(signed('a/b/../../etc/c')), '123456789012 us-east-1');
  const presigned = '/?X-Amz-Credential=111122223333%2F20260101%2Fap-south-2%2Fkinesis%2Faws4_request';
  assert.equal(await of({ ...call('Echo', '{"Text":"a"}'), path: presigned }), '111122223333 ap-south-2');
});

test('an unexpected error is InternalFailure for the client and a line with its stack for the operator', async () => {
  const lines: string[] = [];
  const dispatch = dispatchOf({}, lines);
  const secret = {
    authorization: 'AWS4-HMAC-SHA256 Credential=AKIDSECRET/20260101/us-east-1/kinesis/aws4_request',
  };
  assert.deepEqual(told(await send(dispatch, call('Echo', '{"Text":"bug"}', secret))), [
    500,
    json,
    '{"__type":"InternalFailure"}',
  ]);
  const [failure = ''] = lines.filter((line) => JSON.parse(line).level === 'error');
  assert.match(failure, /"operation":"Echo","requestId":"the-request-id","error":"TypeError: not a function/);
  assert.match(failure, /dispatch\.test\.js/);
  assert.ok(!lines.join('').includes('AKIDSECRET'), 'no header is logged');
  assert.equal((await send(dispatch, call('Echo', '{"Text":"a"}'))).status, 200);
});

test('a page of this machine may use the API as AWS lets it, and no other page may', async () => {
  const dispatch = dispatchOf();
  for (const origin of [
    'http://localhost:3000',
    'http://127.0.0.1',
    'https://app.localhost',
    'http://[::1]:80',
    'http://streams.test',
  ]) {
    const answer = await send(dispatch, call('Echo', '{"Text":"a"}', { origin }));
    assert.equal(answer.status, 200, origin);
    assert.equal(answer.headers?.['access-control-allow-origin'], '*');
    const preflight = await send(dispatch, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-headers': 'x-amz-target',
        'access-control-request-method': 'POST',
      },
    });
    assert.deepEqual(preflight.headers, {
      'access-control-allow-origin': '*',
      'access-control-max-age': '172800',
      'access-control-allow-headers': 'x-amz-target',
      'access-control-allow-methods': 'POST',
    });
  }
  for (const origin of [
    'http://evil.example',
    'null',
    'http://localhost.evil.example',
    'file://',
    'http://127.0.0.1.evil.example',
    'http://localhost:80@evil.example',
    '',
  ]) {
    for (const sent of [
      call('Echo', '{"Text":"a"}', { origin }),
      { method: 'OPTIONS', headers: { origin } },
    ]) {
      const answer = await send(dispatch, sent);
      assert.equal(answer.status, 403, origin);
      assert.equal(answer.headers?.['access-control-allow-origin'], undefined);
    }
  }
});

test('idle waits for every operation that runs', async () => {
  const service: Echo = {};
  const dispatch = dispatchOf(service);
  await dispatch.idle();
  let finish = (): void => undefined;
  service.wait = new Promise((resolve) => {
    finish = resolve;
  });
  const answer = send(dispatch, call('Echo', '{"Text":"a"}'));
  let idle = false;
  const waiting = dispatch.idle().then(() => {
    idle = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(idle, false);
  finish();
  await waiting;
  assert.equal((await answer).status, 200);
});
