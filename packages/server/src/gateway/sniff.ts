/**
 * What a connection speaks, told from its first bytes.
 *
 *      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"   http2     the client preface of RFC 9113, section 3.4
 *      16 03 …                              tls       a handshake record with a ClientHello
 *      a part of the above                  more      wait for the next bytes
 *      anything else                        http1     its parser refuses what is not HTTP
 */
export type Spoken = 'http1' | 'http2' | 'tls' | 'more';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const tlsHandshake = 0x16;
const tlsMajorVersion = 3;

/** No more than this many bytes are ever needed to decide. */
export const sniffBytesMax = preface.length;

export function sniff(bytes: Uint8Array): Spoken {
  if (bytes.length === 0) return 'more';
  if (bytes[0] === tlsHandshake) {
    if (bytes.length === 1) return 'more';
    return bytes[1] === tlsMajorVersion ? 'tls' : 'http1';
  }
  const compared = Math.min(bytes.length, preface.length);
  if (preface.compare(bytes, 0, compared, 0, compared) !== 0) return 'http1';
  return compared === preface.length ? 'http2' : 'more';
}
