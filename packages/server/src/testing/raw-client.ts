/** Sockets and frames by hand, for what no well-behaved client does. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection whose bytes the test writes and reads itself. */
export class RawClient {
  readonly socket: Socket;
  #received = '';
  #ended = false;

  constructor(port: number, options: { readonly allowHalfOpen?: boolean } = {}) {
    this.socket = connect({ host: '127.0.0.1', port, allowHalfOpen: options.allowHalfOpen ?? true });
    this.socket.setNoDelay(true);
    this.socket.setMaxListeners(0);
    this.socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
    });
    this.socket.on('end', () => {
      this.#ended = true;
    });
    // A reset is one of the ways in which a server may end an attack; the test looks at `closed`.
    this.socket.on('error', () => {
      this.#ended = true;
    });
    this.socket.on('close', () => {
      this.#ended = true;
    });
  }

  /** Everything received and not yet taken by `response`. */
  get received(): string {
    return this.#received;
  }

  async connected(): Promise<void> {
    if (this.socket.connecting) await once(this.socket, 'connect');
  }

  /** Writes `text`, waiting while the kernel takes no more; answers whether the connection still took it. */
  async write(text: string | Uint8Array): Promise<boolean> {
    if (this.socket.destroyed || this.#ended) return false;
    const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
    return new Promise((resolve) => this.socket.write(bytes, (error) => resolve(!error)));
  }

  /** The next whole response; rejects when the connection ends before it is there. */
  async response(): Promise<RawResponse> {
    for (;;) {
      const parsed = parseResponse(this.#received);
      if (parsed !== undefined) {
        this.#received = this.#received.slice(parsed.length);
        if (parsed.response.status !== 100) return parsed.response;
        continue;
      }
      if (this.#ended) throw new Error(`the connection ended after ${JSON.stringify(this.#received)}`);
      await this.#more();
    }
  }

  /** Waits until the server has ended the connection. */
  async closed(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      const events = ['data', 'end', 'close', 'error'] as const;
      const done = (): void => {
        for (const event of events) this.socket.removeListener(event, done);
        resolve();
      };
      for (const event of events) this.socket.on(event, done);
    });
  }
}

function parseResponse(text: string): { response: RawResponse; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const status = Number(statusLine.split(' ')[1]);
  const length = status === 100 ? 0 : Number(headers.get('content-length') ?? 0);
  const end = headEnd + 4 + length;
  if (text.length < end) return undefined;
  return { response: { status, headers, body: text.slice(headEnd + 4, end) }, length: end };
}

/** An HTTP/1.1 request as text. */
export function requestText(
  options: {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: { readonly [name: string]: string };
    readonly body?: string;
  } = {},
): string {
  const body = options.body ?? '';
  const headers: Record<string, string> = {
    host: '127.0.0.1',
    'content-length': String(body.length),
    ...options.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${options.method ?? 'POST'} ${options.path ?? '/'} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

export const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** An HTTP/2 frame: length (3) type (1) flags (1) stream (4) payload. */
export function http2Frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of literals without indexing and without Huffman coding; values under 127 bytes. */
export function http2HeaderBlock(headers: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name, 'latin1'),
      Buffer.from([value.length]),
      Buffer.from(value, 'latin1'),
    ]),
  );
}

export const http2RequestHeaders: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', '127.0.0.1'],
];
