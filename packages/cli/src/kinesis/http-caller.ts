/**
 * One HTTP/1.1 request at a time on connections that are kept: the only socket of the commands. What goes wrong is a
 * `KinesisError`: 'unreachable' when nothing was taken in at the other end, 'unanswered' when that is not known.
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { KinesisError } from './kinesis-error.js';

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** A server that says nothing for so long is given up. */
const silenceMsMax = 30_000;
/** The largest answer is a page of 10 MiB in base64, with 10,000 keys. */
const answerBytesMax = 64 * 1024 * 1024;
const connectionsMax = 16;

/** What a connection is refused with before anything is sent. */
const unreachableCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
const untrustedCodes = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
];

export class HttpCaller {
  readonly #endpoint: URL;
  readonly #agent: HttpAgent | HttpsAgent;

  /** `certificate`: what alone is trusted at an https endpoint, as PEM; else what the system trusts. */
  constructor(endpoint: URL, certificate?: string) {
    const options = { keepAlive: true, maxSockets: connectionsMax };
    const trusted = certificate === undefined ? {} : { ca: certificate };
    this.#endpoint = endpoint;
    this.#agent =
      endpoint.protocol === 'https:' ? new HttpsAgent({ ...options, ...trusted }) : new HttpAgent(options);
  }

  call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    const send = this.#endpoint.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(signal?.aborted === true ? signal.reason : told(error, this.#endpoint));
      };
      const request = send(new URL(path, this.#endpoint), {
        method,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: this.#agent,
        ...(signal === undefined ? {} : { signal }),
      });
      request.setTimeout(silenceMsMax, () => {
        request.destroy(new Error(`silent for ${silenceMsMax / 1000} s`));
      });
      request.on('error', fail);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > answerBytesMax)
            request.destroy(new Error(`an answer of more than ${answerBytesMax} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      });
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function told(error: NodeJS.ErrnoException, endpoint: URL): KinesisError {
  const { code = '' } = error;
  const where = endpoint.origin;
  if (unreachableCodes.includes(code)) {
    return new KinesisError(
      'unreachable',
      `nothing answers at ${where} (${code}): start \`millrace serve\`, or name a server with --endpoint`,
      { cause: error },
    );
  }
  if (untrustedCodes.includes(code)) {
    return new KinesisError(
      'refused',
      `the certificate of ${where} is not trusted (${code}): set NODE_EXTRA_CA_CERTS to the file that it is in`,
      { cause: error },
    );
  }
  const [reason = code] = error.message.split('\n');
  return new KinesisError('unanswered', `${where} did not answer: ${reason}`, { cause: error });
}
