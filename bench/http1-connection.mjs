/**
 * One HTTP/1.1 connection that writes whole prebuilt requests and reads answers with a content length, and does
 * nothing else: the load generator must cost less than any server it measures.
 *
 * Invariant: at most one request is in flight, and the body of an answer is valid until the next `send`.
 */
import net from 'node:net';

const READ_BUFFER_BYTES = 1 << 20;
const HEAD_BYTES_MAX = 64 * 1024;
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** The bytes of one request; `write(text, offset)` overwrites a part of its body between sends. */
export function http1Request(headers, body) {
  const lines = ['POST / HTTP/1.1'];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n`, 'latin1');
  const wire = Buffer.concat([head, body]);
  return { wire, write: (text, offset) => wire.latin1Write(text, head.length + offset, text.length) };
}

export class Http1Connection {
  #socket;
  #pending;
  #failure;
  #head = Buffer.alloc(0);
  #body = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  #status = 0;
  #bodyBytes = -1;
  #bodyRead = 0;
  #onBytes;
  /** Of an answer in chunks: how much of the present one is to come, −1 while its length is. */
  #chunkLeft = -1;

  static connect(port) {
    const connection = new Http1Connection();
    return new Promise((resolve, reject) => {
      const socket = net.connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
          callback: (count, buffer) => {
            connection.#take(buffer.subarray(0, count));
            return true;
          },
        },
      });
      connection.#socket = socket;
      socket.once('connect', () => resolve(connection));
      socket.on('error', (error) => {
        reject(error);
        connection.#fail(error);
      });
      socket.on('close', () => connection.#fail(new Error('the server closed the connection')));
    });
  }

  /** Sends a prebuilt request and resolves with `{ status, body }`. */
  send(request) {
    if (this.#pending !== undefined) throw new Error('a request is already in flight on this connection');
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#socket.write(request.wire);
    });
  }

  /** Sends a request whose answer comes in chunks, each given to `onBytes` as it comes; resolves at the end. */
  stream(request, onBytes) {
    this.#onBytes = onBytes;
    return this.send(request);
  }

  close() {
    this.#socket.destroy();
  }

  #take(bytes) {
    let rest = bytes;
    if (this.#bodyBytes < 0) {
      const head = this.#head.length === 0 ? rest : Buffer.concat([this.#head, rest]);
      const end = head.indexOf(END_OF_HEAD);
      if (end < 0) {
        if (head.length > HEAD_BYTES_MAX) this.#fail(new Error('the head of an answer has no end'));
        this.#head = Buffer.from(head);
        return;
      }
      this.#head = Buffer.alloc(0);
      if (!this.#startBody(head.toString('latin1', 0, end))) return;
      rest = head.subarray(end + END_OF_HEAD.length);
    }
    if (this.#onBytes !== undefined && this.#bodyBytes === Infinity) {
      this.#takeChunks(rest);
      return;
    }
    if (this.#bodyRead + rest.length > this.#bodyBytes) {
      this.#fail(new Error('the server sent more than it announced'));
      return;
    }
    rest.copy(this.#body, this.#bodyRead);
    this.#bodyRead += rest.length;
    if (this.#bodyRead === this.#bodyBytes) this.#finish();
  }

  /** A chunk's bytes are followed by two that are passed over with the next length. */
  #takeChunks(bytes) {
    let rest = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    this.#head = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.#chunkLeft > 0) {
        const part = rest.subarray(0, this.#chunkLeft);
        this.#onBytes(part);
        this.#chunkLeft -= part.length;
        rest = rest.subarray(part.length);
        continue;
      }
      const line = this.#chunkLeft === 0 ? 2 : 0;
      const end = rest.indexOf('\r\n', line);
      if (end < 0) {
        this.#head = Buffer.from(rest);
        return;
      }
      this.#chunkLeft = Number.parseInt(rest.toString('latin1', line, end), 16);
      rest = rest.subarray(end + 2);
      if (this.#chunkLeft === 0) {
        this.#finish();
        return;
      }
    }
  }

  #startBody(head) {
    if (this.#onBytes !== undefined && /\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#status = Number(head.slice(9, 12));
      this.#bodyBytes = Infinity;
      this.#chunkLeft = -1;
      return true;
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (length === null) {
      this.#fail(new Error(`an answer without a content length: ${head.slice(0, 200)}`));
      return false;
    }
    this.#status = Number(head.slice(9, 12));
    this.#bodyBytes = Number(length[1]);
    this.#bodyRead = 0;
    if (this.#body.length < this.#bodyBytes) this.#body = Buffer.allocUnsafe(this.#bodyBytes);
    return true;
  }

  #finish() {
    const pending = this.#pending;
    const body = this.#body.subarray(0, this.#bodyBytes === Infinity ? 0 : this.#bodyBytes);
    this.#pending = undefined;
    this.#bodyBytes = -1;
    if (pending === undefined) this.#fail(new Error('an answer that nobody asked for'));
    else pending.resolve({ status: this.#status, body });
  }

  #fail(error) {
    this.#failure ??= error;
    this.#pending?.reject(this.#failure);
    this.#pending = undefined;
    this.#socket.destroy();
  }
}
