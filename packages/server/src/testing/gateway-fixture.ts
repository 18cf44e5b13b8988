/** A gateway on a free port with a handler of the test's, and requests that show whether it still answers. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { type Random, SystemClock, systemRandom } from '@millrace/base';
import type { Exchange } from '../gateway/exchange.js';
import { Gateway } from '../gateway/gateway.js';
import type { GatewayLimits } from '../gateway/limits.js';
import { type Logger, silentLogger } from '../logger.js';
import { RawClient, requestText } from './raw-client.js';

export interface GatewayFixture extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly port: number;
}

/** Answers with the method, the path and the length of the body. */
export function echo(exchange: Exchange): void {
  const text = `${exchange.method} ${exchange.path} ${exchange.body.length}`;
  exchange.respond({ status: 200, contentType: 'text/plain', body: Buffer.from(text) });
}

export async function startGateway(
  options: {
    readonly handle?: (exchange: Exchange) => void;
    readonly limits?: Partial<GatewayLimits>;
    readonly logger?: Logger;
    readonly random?: Random;
    readonly tls?: boolean;
  } = {},
): Promise<GatewayFixture> {
  const gateway = new Gateway({
    handle: options.handle ?? echo,
    clock: new SystemClock(),
    random: options.random ?? systemRandom,
    logger: options.logger ?? silentLogger,
    limits: { closeMs: 200, discardMs: 200, ...options.limits },
    tls: options.tls ?? false,
  });
  const port = await gateway.listen('127.0.0.1', 0);
  return { gateway, port, [Symbol.asyncDispose]: () => gateway.close() };
}

/** Asserts that a new client of either protocol is still answered. */
export async function assertAnswers(port: number): Promise<void> {
  const client = new RawClient(port);
  await client.write(requestText({ body: 'alive' }));
  assert.equal((await client.response()).status, 200);
  client.destroy();
  assert.equal((await http2Request(port, {}, 'alive')).status, 200);
}

/** One request over a new HTTP/2 session. */
export async function http2Request(
  port: number,
  headers: { readonly [name: string]: string },
  body: string | Uint8Array,
): Promise<{ readonly status: number; readonly body: string }> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({ ':method': 'POST', ':path': '/', ...headers });
      let status = 0;
      let text = '';
      stream.on('response', (lines) => {
        status = lines[':status'] ?? 0;
      });
      stream.setEncoding('latin1');
      stream.on('data', (chunk: string) => {
        text += chunk;
      });
      stream.on('error', reject);
      stream.on('close', () => resolve({ status, body: text }));
      if (!stream.writableEnded) stream.end(body);
    });
  } finally {
    session.destroy();
  }
}

/** Waits until `holds`, a turn of the event loop at a time. The test's own time limit bounds it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
