/** Answers that come piece by piece, over both protocols. */
import assert from 'node:assert/strict';
import { type ClientHttp2Stream, connect } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { kib, mib } from '@millrace/base';
import { assertAnswers, type GatewayFixture, startGateway, until } from '../testing/gateway-fixture.js';
import { RawClient, requestText } from '../testing/raw-client.js';
import type { Exchange } from './exchange.js';
import type { GatewayLimits } from './limits.js';

const patience = { timeout: 30_000 };

/** A source that says what is put into it, and tells what becomes of it. */
class Source implements AsyncIterator<Uint8Array, void> {
  readonly signal: AbortSignal;
  asked = 0;
  returned = false;
  #ready: (Uint8Array | undefined)[] = [];
  #wanted: (() => void) | undefined;

  constructor(exchange: Exchange) {
    this.signal = exchange.signal;
    this.signal.addEventListener('abort', () => this.put(undefined));
    exchange.respondInPieces({ status: 200, contentType: 'text/plain', pieces: this });
  }

  /** Undefined: the end. */
  put(piece: Uint8Array | string | undefined): void {
    this.#ready.push(typeof piece === 'string' ? Buffer.from(piece) : piece);
    this.#wanted?.();
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    this.asked++;
    while (this.#ready.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
    }
    const value = this.#ready.shift();
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array, void>> {
    this.returned = true;
    return { done: true, value: undefined };
  }
}

interface Under {
  readonly server: GatewayFixture;
  readonly sources: Source[];
}

async function start(t: TestContext, limits: Partial<GatewayLimits> = {}): Promise<Under> {
  const sources: Source[] = [];
  const server = await startGateway({
    limits,
    handle: (exchange) => {
      if (exchange.path !== '/stream') {
        const body = Buffer.from(`${exchange.method} ${exchange.path} ${exchange.body.length}`);
        exchange.respond({ status: 200, contentType: 'text/plain', body });
      } else sources.push(new Source(exchange));
    },
  });
  t.after(() => server.gateway.close());
  return { server, sources };
}

/** What a client sees of a streamed answer, the same over both protocols. */
interface Reading {
  readonly status: () => number;
  readonly text: () => string;
  readonly ended: () => boolean;
  /** Whether it ended as an answer does, and not by being cut off. */
  readonly whole: () => boolean;
  readonly leave: () => void;
  /** Reads no more until `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
}

function overHttp2(t: TestContext, port: number): Reading {
  const session = connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  session.on('error', () => undefined);
  const stream: ClientHttp2Stream = session.request({ ':method': 'POST', ':path': '/stream' });
  let status = 0;
  let text = '';
  let closed = false;
  let ended = false;
  stream.on('response', (lines) => {
    status = lines[':status'] ?? 0;
    if (status === 200) assert.equal(lines['content-length'], undefined);
  });
  stream.setEncoding('latin1');
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  stream.on('end', () => {
    ended = true;
  });
  stream.on('error', () => undefined);
  stream.on('close', () => {
    closed = true;
  });
  stream.end('x');
  return {
    status: () => status,
    text: () => text,
    ended: () => closed,
    whole: () => ended && stream.rstCode === 0,
    leave: () => stream.close(8),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  };
}

function overHttp1(t: TestContext, port: number): Reading {
  const client = new RawClient(port);
  t.after(() => client.destroy());
  void client.write(requestText({ path: '/stream', body: 'x' }));
  let ended = false;
  for (const event of ['end', 'close']) {
    client.socket.on(event, () => {
      ended = true;
    });
  }
  const chunks = (): { text: string; whole: boolean } => {
    const start = client.received.indexOf('\r\n\r\n');
    let rest = start < 0 ? '' : client.received.slice(start + 4);
    let text = '';
    for (;;) {
      const line = rest.indexOf('\r\n');
      if (line < 0) return { text, whole: false };
      const length = Number.parseInt(rest.slice(0, line), 16);
      if (length === 0) return { text, whole: true };
      text += rest.slice(line + 2, line + 2 + length);
      rest = rest.slice(line + 4 + length);
    }
  };
  return {
    status: () => Number(client.received.split(' ')[1] ?? 0),
    text: () => chunks().text,
    ended: () => ended || chunks().whole,
    whole: () => chunks().whole,
    leave: () => client.destroy(),
    pause: () => client.socket.pause(),
    resume: () => client.socket.resume(),
  };
}

for (const [protocol, open] of Object.entries({ 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 })) {
  const fresh = async (t: TestContext, under: Under): Promise<[Reading]> => {
    const before = under.sources.length;
    const reading = open(t, under.server.port);
    await until(() => under.sources.length > before);
    return [reading];
  };
  const begun = async (t: TestContext, under: Under): Promise<[Reading, Source]> => {
    const reading = open(t, under.server.port);
    await until(() => under.sources.length > 0);
    const [source] = under.sources;
    assert.ok(source);
    return [reading, source];
  };

  test(`${protocol}: pieces leave as they come, and the answer ends with the last`, patience, async (t) => {
    const under = await start(t);
    const [reading, source] = await begun(t, under);
    source.put('one');
    await until(() => reading.text() === 'one');
    assert.equal(reading.status(), 200);
    assert.equal(reading.ended(), false);
    assert.equal(under.server.gateway.load.inFlight, 0, 'an answer that streams is an answer');
    source.put('two');
    await until(() => reading.text() === 'onetwo');
    source.put(undefined);
    await until(() => reading.ended());
    assert.ok(reading.whole());
    await until(() => source.returned);
    assert.equal(under.server.gateway.load.bufferedBytes, 0);
    await assertAnswers(under.server.port);
  });

  test(
    `${protocol}: a stream outlives the limits of requests and of idle connections`,
    patience,
    async (t) => {
      const short = { headerMs: 40, requestMs: 40, stalledAnswerMs: 40, idleMs: 40 };
      const under = await start(t, short);
      const [reading, source] = await begun(t, under);
      for (let i = 1; i <= 4; i++) {
        await new Promise((resolve) => setTimeout(resolve, 80));
        source.put('.');
        await until(() => reading.text().length === i);
      }
      assert.equal(reading.ended(), false);
    },
  );

  test(
    `${protocol}: a client that reads nothing is asked for by no more than what fills its way`,
    patience,
    async (t) => {
      const under = await start(t);
      const [reading, source] = await begun(t, under);
      reading.pause();
      const piece = Buffer.alloc(256 * kib, 'a');
      for (let i = 0; i < 200; i++) source.put(piece);
      let asked = 0;
      let turns = 0;
      await until(() => {
        turns = asked === source.asked ? turns + 1 : 0;
        asked = source.asked;
        return turns > 20;
      });
      assert.ok(source.asked < 100, `${source.asked} pieces of 256 KiB were asked for`);
      assert.ok(under.server.gateway.load.bufferedBytes <= piece.length, 'it holds one piece');
      reading.resume();
      source.put(undefined);
      await until(() => reading.ended());
      assert.equal(reading.text().length, 200 * piece.length);
      assert.equal(under.server.gateway.load.bufferedBytes, 0);
    },
  );

  test(`${protocol}: a client that takes nothing for too long is cut off`, patience, async (t) => {
    const under = await start(t, { stalledStreamMs: 60, idleMs: 100 });
    const [reading, source] = await begun(t, under);
    reading.pause();
    for (let i = 0; i < 100; i++) source.put(Buffer.alloc(mib, 'a'));
    await until(() => source.returned);
    assert.ok(source.signal.aborted);
    assert.equal(under.server.gateway.load.bufferedBytes, 0);
    await assertAnswers(under.server.port);
  });

  test(
    `${protocol}: where slow clients take all the memory they may, the slowest is cut off, and nobody else`,
    patience,
    async (t) => {
      const under = await start(t, { streamedBytesMax: 3 * mib, bufferedBytesMax: mib, closeMs: 100 });
      const slow: Reading[] = [];
      for (let i = 1; i <= 4; i++) {
        slow.push(open(t, under.server.port));
        await until(() => under.sources.length === i);
        slow.at(-1)?.pause();
      }
      for (let i = 0; i < 100; i++) for (const source of under.sources) source.put(Buffer.alloc(mib, 'a'));
      await until(() => under.sources.some((source) => source.returned));
      await until(() => under.server.gateway.load.bufferedBytes <= 3 * mib);
      assert.equal(under.sources.filter((source) => source.returned).length, 1);
      await assertAnswers(under.server.port);
      const [reading] = await fresh(t, under);
      under.sources.at(-1)?.put('small');
      await until(() => reading.text() === 'small');
    },
  );

  test(`${protocol}: a client that goes away ends its source`, patience, async (t) => {
    const under = await start(t);
    const [reading, source] = await begun(t, under);
    source.put('one');
    await until(() => reading.text() === 'one');
    assert.equal(source.signal.aborted, false);
    reading.leave();
    await until(() => source.returned);
    assert.ok(source.signal.aborted);
    await assertAnswers(under.server.port);
  });

  test(`${protocol}: closing lets streams come to their own end`, patience, async (t) => {
    const under = await start(t, { closeMs: 10_000 });
    const [reading, source] = await begun(t, under);
    source.put('one');
    await until(() => reading.text() === 'one');
    await under.server.gateway.close();
    assert.ok(source.signal.aborted);
    await until(() => reading.ended());
    assert.ok(reading.whole());
  });

  test(`${protocol}: a source that fails is cut off, so that its client can tell`, patience, async (t) => {
    const under = await start(t);
    const [reading, source] = await begun(t, under);
    source.put('one');
    await until(() => reading.text() === 'one');
    source.next = () => Promise.reject(new Error('on purpose'));
    source.put('two');
    await until(() => reading.ended());
    assert.equal(reading.whole(), false);
    await assertAnswers(under.server.port);
  });

  test(`${protocol}: more streams than may be are refused`, patience, async (t) => {
    const under = await start(t, { streamedAnswersMax: 1 });
    const [first, source] = await begun(t, under);
    source.put('one');
    await until(() => first.text() === 'one');
    const second = open(t, under.server.port);
    await until(() => second.status() === 503);
    await until(() => under.sources.at(-1)?.returned === true);
    assert.equal(first.ended(), false);
  });
}
