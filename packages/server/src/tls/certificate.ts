/**
 * The server's certificate: one of its own making, or one that it is given, and its renewal.
 *
 *      own     kept in the data directory; made when there is none, when a name is missing or it ends soon
 *      given   two files; read again when they change, and refused unless they make a pair
 *
 * A certificate that cannot be replaced is kept while it lasts: a bad file is a line in the log, not an outage.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { AssertionError, type Clock, type Random, type Timer } from '@millrace/base';
import { errorFields, type Logger } from '../logger.js';
import { StartError } from '../start-error.js';
import { ownPairPaths, type PairPaths, pairMark, readPair, writePair } from './certificate-files.js';
import { type CertificatePair, isAddress, selfSigned } from './self-signed.js';

/** `own`, or the files of one that somebody else made. */
export type CertificateSource = 'own' | PairPaths;

export interface CertificateOptions {
  readonly source: CertificateSource;
  /** Where one of our own is kept; undefined: in memory, until the end. */
  readonly dataDir: string | undefined;
  /** Names and addresses that clients may call the server by. */
  readonly names: readonly string[];
  /** The machine's: certificates end by the calendar of those who check them. */
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told of the pair that takes the place of the one before. */
  readonly replace: (pair: CertificatePair) => Promise<void>;
}

const dayMs = 86_400_000;
/** One of our own that ends sooner is made anew; of a given one it is said that it does. */
const renewBeforeMs = 30 * dayMs;
const lookEveryMs = 60_000;

/** The certificate in use, looked after until `close`. */
export class Certificate {
  readonly #options: CertificateOptions;
  readonly #paths: PairPaths | undefined;
  #pair: CertificatePair;
  #mark = '';
  /** What was said last of a replacement that failed: it is said once, and not once a minute. */
  #trouble = '';
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  private constructor(options: CertificateOptions, pair: CertificatePair) {
    const { source, dataDir } = options;
    this.#options = options;
    this.#pair = pair;
    if (source !== 'own') this.#paths = source;
    else if (dataDir !== undefined) this.#paths = ownPairPaths(dataDir);
  }

  /** Reads or makes the certificate. Rejects with `StartError`. */
  static async open(options: CertificateOptions): Promise<Certificate> {
    const { source, dataDir } = options;
    const pair = source === 'own' ? await ownPair(options) : await givenPair(source, options.clock.now());
    const certificate = new Certificate(options, pair);
    certificate.#tell(dataDir);
    certificate.#lookLater();
    return certificate;
  }

  get pair(): CertificatePair {
    return this.#pair;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #tell(dataDir: string | undefined): void {
    const { source, logger, clock } = this.#options;
    const ends = endOf(this.#pair);
    const until = new Date(ends).toISOString().slice(0, 10);
    if (source !== 'own') {
      logger.info('TLS is on', { certificate: source.cert, until });
      if (ends - clock.now() < renewBeforeMs) logger.warn('the certificate ends soon', { until });
    } else if (dataDir === undefined) {
      const trust = 'GET /_millrace/certificate answers it';
      logger.info('TLS is on, with a certificate that lasts as long as this server', { trust });
    } else {
      const { cert } = ownPairPaths(dataDir);
      const trust = `export NODE_EXTRA_CA_CERTS='${cert}' AWS_CA_BUNDLE='${cert}'`;
      logger.info('TLS is on, with a certificate of our own', { certificate: cert, until, trust });
    }
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.schedule(lookEveryMs, () => {
      this.#looking = this.look().then(() => {
        if (!this.#closed) this.#lookLater();
      });
    });
  }

  /** Takes up what has changed, or is due. */
  async look(): Promise<void> {
    const { source, logger } = this.#options;
    try {
      const pair = source === 'own' ? await this.#renewed() : await this.#reread(source);
      if (pair === undefined) return;
      this.#trouble = '';
      await this.#options.replace(pair);
      this.#pair = pair;
      logger.info('the certificate was replaced', {
        until: new Date(endOf(pair)).toISOString().slice(0, 10),
      });
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      const trouble = String(error);
      if (trouble === this.#trouble) return;
      this.#trouble = trouble;
      logger.error('the certificate could not be replaced; the one before stays', errorFields(error));
    }
  }

  async #renewed(): Promise<CertificatePair | undefined> {
    const { clock, names, random } = this.#options;
    if (endOf(this.#pair) - clock.now() >= renewBeforeMs) return undefined;
    const pair = selfSigned(names, clock.now(), random);
    if (this.#paths !== undefined) await writePair(this.#paths, pair);
    return pair;
  }

  async #reread(paths: PairPaths): Promise<CertificatePair | undefined> {
    const mark = await pairMark(paths);
    if (mark === this.#mark) return undefined;
    const pair = await givenPair(paths, this.#options.clock.now());
    this.#mark = mark;
    // The first look knows of no earlier one; files are touched without being changed.
    return pair.cert === this.#pair.cert && pair.key === this.#pair.key ? undefined : pair;
  }
}

async function ownPair({
  dataDir,
  names,
  clock,
  random,
  logger,
}: CertificateOptions): Promise<CertificatePair> {
  const nowMs = clock.now();
  if (dataDir === undefined) return selfSigned(names, nowMs, random);
  const paths = ownPairPaths(dataDir);
  try {
    const kept = await keptPair(paths);
    const reason = kept === undefined ? undefined : unfit(kept, names, nowMs);
    if (kept !== undefined && reason === undefined) return kept;
    if (reason !== undefined) {
      logger.warn('the certificate is made anew: whoever trusts the old one must be told', { reason });
    }
    const pair = selfSigned(names, nowMs, random);
    await writePair(paths, pair);
    return pair;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new StartError('certificate', `The certificate ${paths.cert} cannot be read or made (${code}).`, {
      cause: error,
    });
  }
}

/** The pair on the disk; undefined when there is none. */
async function keptPair(paths: PairPaths): Promise<CertificatePair | undefined> {
  try {
    return await readPair(paths);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Why a pair of our own is not used any more; undefined when it may be. */
function unfit(pair: CertificatePair, names: readonly string[], nowMs: number): string | undefined {
  const problem = problemOf(pair, nowMs + renewBeforeMs);
  if (problem !== undefined) return problem;
  const certificate = new X509Certificate(pair.cert);
  const missing = names.find((name) =>
    isAddress(name) ? certificate.checkIP(name) === undefined : certificate.checkHost(name) === undefined,
  );
  return missing === undefined ? undefined : `it is not for ${missing}`;
}

async function givenPair(paths: PairPaths, nowMs: number): Promise<CertificatePair> {
  let pair: CertificatePair;
  try {
    pair = await readPair(paths);
  } catch (error) {
    const { code, path: file = `${paths.cert} or ${paths.key}` } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code ?? String(error)})`;
    throw new StartError(
      'certificate',
      `The file ${file} ${why}: give the certificate with --cert, its key with --key.`,
      {
        cause: error,
      },
    );
  }
  const problem = problemOf(pair, nowMs);
  if (problem === undefined) return pair;
  throw new StartError(
    'certificate',
    `The certificate ${paths.cert} and the key ${paths.key} cannot be used: ${problem}.`,
  );
}

/** What is wrong with a pair that is to be good at `atMs`. */
function problemOf({ cert, key }: CertificatePair, atMs: number): string | undefined {
  const certificate = parsed(() => new X509Certificate(cert));
  if (certificate === undefined) return 'the first is no certificate in PEM';
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(key)) {
    return 'the key has a passphrase, which nobody could be asked for: take it off with openssl pkey';
  }
  const privateKey = parsed(() => createPrivateKey(key));
  if (privateKey === undefined) return 'the second is no private key in PEM';
  if (!certificate.checkPrivateKey(privateKey)) return 'the key is not the certificate’s';
  if (Date.parse(certificate.validTo) <= atMs) return `it ends on ${certificate.validTo}`;
  return undefined;
}

/** What a parser of OpenSSL's makes of it; undefined where it makes nothing. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function endOf({ cert }: CertificatePair): number {
  return Date.parse(new X509Certificate(cert).validTo);
}
