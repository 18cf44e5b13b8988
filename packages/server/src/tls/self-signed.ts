/**
 * A certificate that signs itself (RFC 5280): this server's names, one key on the curve P-256, and no right to sign
 * any other. Whoever trusts it trusts this server and nobody else; that is why there is no authority above it, whose
 * key could make any name believed by everybody who was told to trust it.
 *
 *      Certificate = tbs · ecdsa-with-SHA256 · signature of tbs
 *      tbs         = [0] v3 · serial · ecdsa-with-SHA256 · issuer · (notBefore notAfter) · subject · public key ·
 *                    [3] extensions
 *      extensions  = basic constraints (no authority) · key usage (digital signature) · extended key usage (server) ·
 *                    subject alternative names · subject and authority key identifiers
 *
 * Signing and keys are node:crypto's; what is written here is the envelope, and node:crypto reads it back before it is
 * given out.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { assert, type Random } from '@millrace/base';
import {
  type Der,
  derBits,
  derContext,
  derInteger,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derTime,
  derTrue,
  derUtf8,
} from './der.js';

export interface CertificatePair {
  /** The certificate, with those above it where there are any. PEM. */
  readonly cert: string;
  /** The private key. PEM. */
  readonly key: string;
}

const oids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** Apple's systems believe no certificate for longer (their requirements of 2019, for one that a user trusts). */
const lifeMs = 825 * 86_400_000;
/** Clocks differ: a client that is behind must not find it too young. */
const headStartMs = 86_400_000;
const serialBytes = 16;

/** Whether what a server is called is an address; else it is a DNS name. */
export function isAddress(name: string): boolean {
  return name.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}

/** Makes a key and a certificate for `names`: DNS names and IP addresses. */
export function selfSigned(names: readonly string[], nowMs: number, random: Random): CertificatePair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = derSequence(derOid(oids.ecdsaWithSha256));
  const name = derSequence(derSet(derSequence(derOid(oids.commonName), derUtf8('Millrace'))));
  const version3 = derContext(0, derInteger(Uint8Array.of(2)), true);
  const serial = Uint8Array.from(random.bytes(serialBytes));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const validity = derSequence(derTime(nowMs - headStartMs), derTime(nowMs + lifeMs - headStartMs));
  const extensions = derContext(3, derSequence(...extensionsOf(names, spki)), true);
  const tbs = derSequence(version3, derInteger(serial), algorithm, name, validity, name, spki, extensions);
  const signature = derBits(sign('sha256', tbs, privateKey));
  const cert = pem('CERTIFICATE', derSequence(tbs, algorithm, signature));
  const read = new X509Certificate(cert);
  assert(
    read.verify(publicKey) && read.checkPrivateKey(privateKey),
    'a certificate that was made is read back',
  );
  return { cert, key: pemOf(privateKey) };
}

function extensionsOf(names: readonly string[], spki: Uint8Array): readonly Der[] {
  // RFC 5280, 4.2.1.2: any identifier that is the key's own.
  const keyId = createHash('sha256').update(spki).digest().subarray(0, 20);
  const digitalSignature = Uint8Array.of(0x80);
  return [
    extension(oids.basicConstraints, true, derSequence()),
    extension(oids.keyUsage, true, derBits(digitalSignature, 7)),
    extension(oids.extendedKeyUsage, false, derSequence(derOid(oids.serverAuth))),
    extension(oids.subjectAltName, false, derSequence(...names.map(generalName))),
    extension(oids.subjectKeyIdentifier, false, derOctets(keyId)),
    extension(oids.authorityKeyIdentifier, false, derSequence(derContext(0, keyId, false))),
  ];
}

function extension(oid: string, critical: boolean, value: Der): Der {
  return derSequence(derOid(oid), ...(critical ? [derTrue] : []), derOctets(value));
}

const dnsTag = 2;
const addressTag = 7;

function generalName(name: string): Der {
  return isAddress(name)
    ? derContext(addressTag, addressBytes(name), false)
    : derContext(dnsTag, Buffer.from(name, 'latin1'), false);
}

/** Four bytes, or sixteen. */
function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.').map(Number));
  // The URL parser writes an address in its one shortest form, without an IPv4 tail.
  const [before = '', after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [head, tail] = [groups(before), groups(after ?? '')];
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...head, ...zeros, ...tail].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i);
  }
  return bytes;
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function pemOf(key: KeyObject): string {
  const text = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  assert(createPrivateKey(text).type === 'private', 'a key that was made is read back');
  return text;
}
