/**
 * One HTTP/2 connection with prior knowledge on a raw socket, sending prebuilt requests: as little work as HTTP/2
 * allows, so that the server is what is measured. It keeps the peer's flow-control windows, cuts bodies into DATA
 * frames of 16,384 bytes (what Node's own client does) and opens its own windows wide. A request's frames are built
 * once, like the bytes of one over HTTP/1.1; only the number of the stream is written into each of them anew.
 *
 *      frame   = length (3) type (1) flags (1) stream (4) payload          RFC 9113
 *      request = HEADERS, DATA …, the last with END_STREAM
 *
 * Invariant: at most one stream is open, and the body of an answer is valid until the next `send`.
 */
import net from 'node:net';

const READ_BUFFER_BYTES = 1 << 20;
const FRAME_HEAD_BYTES = 9;
/** Where a frame has the number of its stream. */
const STREAM_AT = 5;
const DATA_BYTES_MAX = 16_384;
const WINDOW_DEFAULT = 65_535;
const WINDOW_BYTES = 0x7fff_ffff;
/** How much may be received before the connection's window is opened again. */
const WINDOW_REFRESH_BYTES = 1 << 28;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

const TYPE = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
};
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const SETTING_INITIAL_WINDOW = 4;
const SETTING_HEADER_TABLE = 1;
/** Of HPACK's static table (RFC 7541, appendix A) what requests have, as every client sends it. */
const STATIC_FIELDS = { ':method POST': 3, ':path /': 4, ':scheme http': 6 };
const STATIC_NAMES = {
  ':authority': 1,
  authorization: 23,
  'content-length': 28,
  'content-type': 31,
  'user-agent': 58,
};
/** HPACK's static index 8, `:status: 200`, as an indexed field. */
const HPACK_STATUS_200 = 0x88;

/** The frames of one request; `write(text, offset)` overwrites a part of its body between sends. */
export function http2Request(headers, body) {
  const fields = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/'],
  ];
  for (const [name, value] of headers) fields.push([name === 'host' ? ':authority' : name, value]);
  fields.push(['content-length', String(body.length)]);
  fields.sort((a, b) => Number(b[0].startsWith(':')) - Number(a[0].startsWith(':')));
  const block = Buffer.concat(fields.map(([name, value]) => field(name, value)));
  const frames = [frame(TYPE.headers, END_HEADERS, 0, block)];
  for (let at = 0; at < body.length; at += DATA_BYTES_MAX) {
    const last = at + DATA_BYTES_MAX >= body.length;
    frames.push(frame(TYPE.data, last ? END_STREAM : 0, 0, body.subarray(at, at + DATA_BYTES_MAX)));
  }
  const wire = Buffer.concat(frames);
  const bodyAt = FRAME_HEAD_BYTES + block.length;
  const write = (written, offset) => {
    const room = DATA_BYTES_MAX - (offset % DATA_BYTES_MAX);
    const heads = Math.floor(offset / DATA_BYTES_MAX) + 1;
    wire.latin1Write(written, bodyAt + offset + heads * FRAME_HEAD_BYTES, Math.min(written.length, room));
    if (written.length > room) write(written.slice(room), offset + room);
  };
  return { wire, bodyAt, bodyBytes: body.length, write };
}

/** A header field in HPACK: an index where the static table has all of it, else a literal, its name an index if it can be. */
function field(name, value) {
  const whole = STATIC_FIELDS[`${name} ${value}`];
  if (whole !== undefined) return Buffer.from([0x80 | whole]);
  const known = STATIC_NAMES[name];
  const named = known === undefined ? [Buffer.from([0]), text(name)] : [integer(known, 15)];
  return Buffer.concat([...named, text(value)]);
}

/** An HPACK string literal without Huffman coding. */
function text(value) {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 127), bytes]);
}

/** An integer of HPACK, behind bits of zero, whose prefix holds less than `prefixMax`. */
function integer(value, prefixMax) {
  if (value < prefixMax) return Buffer.from([value]);
  const bytes = [prefixMax];
  let rest = value - prefixMax;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function frame(type, flags, stream, payload) {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, STREAM_AT);
  return Buffer.concat([head, payload]);
}

function uint32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export class Http2Connection {
  #socket;
  #failure;
  #pending;
  #stream = -1;
  #request;
  /** How much of the request's body has been sent, and of its frames. */
  #sent = 0;
  #wireSent = 0;
  #input = Buffer.alloc(0);
  #body = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  #bodyBytes = 0;
  #status = 0;
  #received = 0;
  #onBytes;
  #initialWindow = WINDOW_DEFAULT;
  #connectionWindow = WINDOW_DEFAULT;
  #streamWindow = 0;

  static connect(port) {
    const connection = new Http2Connection();
    return new Promise((resolve, reject) => {
      const socket = net.connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
          callback: (count, buffer) => {
            connection.#take(buffer.subarray(0, count), resolve);
            return true;
          },
        },
      });
      connection.#socket = socket;
      socket.on('error', (error) => {
        reject(error);
        connection.#fail(error);
      });
      socket.on('close', () => connection.#fail(new Error('the server closed the connection')));
      const settings = Buffer.alloc(12);
      settings.writeUInt16BE(SETTING_HEADER_TABLE, 0);
      settings.writeUInt16BE(SETTING_INITIAL_WINDOW, 6);
      settings.writeUInt32BE(WINDOW_BYTES, 8);
      socket.write(
        Buffer.concat([
          PREFACE,
          frame(TYPE.settings, 0, 0, settings),
          frame(TYPE.windowUpdate, 0, 0, uint32(WINDOW_BYTES - WINDOW_DEFAULT)),
        ]),
      );
    });
  }

  /** Sends a prebuilt request and resolves with `{ status, body }`; a status other than 200 is given as 0. */
  send(request) {
    if (this.#pending !== undefined) throw new Error('a stream is already open on this connection');
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#request = request;
      this.#sent = 0;
      this.#wireSent = 0;
      this.#bodyBytes = 0;
      this.#status = 0;
      this.#stream += 2;
      this.#streamWindow = this.#initialWindow;
      this.#address(request);
      this.#sendFrames(request.bodyAt);
    });
  }

  /** Sends a request whose answer has no end yet: its bytes are given to `onBytes` as they come; resolves at the end. */
  stream(request, onBytes) {
    this.#onBytes = onBytes;
    return this.send(request);
  }

  close() {
    this.#socket.destroy();
  }

  /** Writes the number of the stream into all frames of a request. */
  #address({ wire, bodyAt }) {
    wire.writeUInt32BE(this.#stream, STREAM_AT);
    for (let at = bodyAt; at < wire.length; at += FRAME_HEAD_BYTES + DATA_BYTES_MAX)
      wire.writeUInt32BE(this.#stream, at + STREAM_AT);
  }

  /** Sends the frames up to `ready`, and as many of the body as the peer's windows allow. */
  #sendFrames(ready = this.#wireSent) {
    const { wire, bodyBytes } = this.#request;
    let end = ready;
    while (this.#sent < bodyBytes) {
      const payload = Math.min(DATA_BYTES_MAX, bodyBytes - this.#sent);
      // Frames are sent whole, so that they can be built ahead: where the window ends within one, it waits.
      if (Math.min(this.#connectionWindow, this.#streamWindow) < payload) break;
      this.#sent += payload;
      this.#connectionWindow -= payload;
      this.#streamWindow -= payload;
      end += FRAME_HEAD_BYTES + payload;
    }
    if (end > this.#wireSent) this.#socket.write(wire.subarray(this.#wireSent, end));
    this.#wireSent = end;
  }

  #take(bytes, ready) {
    let input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    while (input.length >= FRAME_HEAD_BYTES) {
      const length = input.readUIntBE(0, 3);
      if (input.length < FRAME_HEAD_BYTES + length) break;
      const payload = input.subarray(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + length);
      this.#frame(input[3], input[4], input.readUInt32BE(5), payload, ready);
      input = input.subarray(FRAME_HEAD_BYTES + length);
    }
    // The read buffer is used again, so what is left of it must be copied.
    this.#input = Buffer.from(input);
  }

  #frame(type, flags, stream, payload, ready) {
    switch (type) {
      case TYPE.data:
        if (this.#onBytes !== undefined && this.#status === 200) this.#onBytes(payload);
        else this.#keep(payload);
        this.#refresh(payload.length);
        if (flags & END_STREAM) this.#finish();
        return;
      case TYPE.headers:
        this.#status = statusOf(payload);
        if (flags & END_STREAM) this.#finish();
        return;
      case TYPE.settings:
        if (flags & ACK) return;
        this.#settings(payload);
        this.#socket.write(frame(TYPE.settings, ACK, 0, Buffer.alloc(0)));
        ready(this);
        return;
      case TYPE.windowUpdate:
        if (stream === 0) this.#connectionWindow += payload.readUInt32BE(0);
        else if (stream === this.#stream) this.#streamWindow += payload.readUInt32BE(0);
        if (this.#pending !== undefined) this.#sendFrames();
        return;
      case TYPE.ping:
        if (!(flags & ACK)) this.#socket.write(frame(TYPE.ping, ACK, 0, payload));
        return;
      case TYPE.reset:
        this.#fail(new Error(`the server reset a stream with code ${payload.readUInt32BE(0)}`));
        return;
      case TYPE.goaway:
        this.#fail(new Error(`the server ended the session with code ${payload.readUInt32BE(4)}`));
        return;
      case TYPE.continuation:
        this.#fail(new Error('the server continued a header block; this client does not read that'));
        return;
    }
  }

  #settings(payload) {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== SETTING_INITIAL_WINDOW) continue;
      const window = payload.readUInt32BE(at + 2);
      this.#streamWindow += window - this.#initialWindow;
      this.#initialWindow = window;
    }
  }

  #keep(payload) {
    this.#grow(payload.length);
    payload.copy(this.#body, this.#bodyBytes);
    this.#bodyBytes += payload.length;
  }

  #grow(more) {
    if (this.#bodyBytes + more <= this.#body.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#body.length * 2, this.#bodyBytes + more));
    this.#body.copy(larger, 0, 0, this.#bodyBytes);
    this.#body = larger;
  }

  #refresh(count) {
    this.#received += count;
    if (this.#received < WINDOW_REFRESH_BYTES) return;
    this.#socket.write(frame(TYPE.windowUpdate, 0, 0, uint32(this.#received)));
    this.#received = 0;
  }

  #finish() {
    const pending = this.#pending;
    this.#pending = undefined;
    const body = this.#body.subarray(0, this.#bodyBytes);
    if (pending === undefined) this.#fail(new Error('an answer that nobody asked for'));
    else if (this.#sent < this.#request.bodyBytes)
      pending.reject(new Error(`answered before the request was sent: ${body.toString('latin1', 0, 200)}`));
    else pending.resolve({ status: this.#status, body });
  }

  #fail(error) {
    this.#failure ??= error;
    this.#pending?.reject(this.#failure);
    this.#pending = undefined;
    this.#socket.destroy();
  }
}

/** 200, or 0 for any other status; dynamic table size updates may come first. */
function statusOf(block) {
  let at = 0;
  while ((block[at] & 0xe0) === 0x20) at++;
  return block[at] === HPACK_STATUS_200 ? 200 : 0;
}
