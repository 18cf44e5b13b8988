import { kib, mib } from '@millrace/base';

/**
 * Every bound of the gateway, by name, with what happens at it. Nothing that a client does makes the process hold
 * more than these allow.
 */
export interface GatewayLimits {
  /** Bytes of one request's body; more: 413, at once where the length was declared. */
  readonly bodyBytesMax: number;
  /** Bytes of all request bodies held and all whole answers not yet taken by their clients; more: 503. */
  readonly bufferedBytesMax: number;
  /** Bytes of a request's header lines; more: 431, or a reset stream on HTTP/2. */
  readonly headerBytesMax: number;
  /** Header lines of a request; more: 431, or a reset stream on HTTP/2. */
  readonly headerLinesMax: number;
  /** Connections at once; more: 503 and closed. */
  readonly connectionsMax: number;
  /** Requests being worked on at once, over all connections; more: 503. */
  readonly requestsInFlightMax: number;
  /** Streams at once on one HTTP/2 session; more: the protocol refuses them. */
  readonly streamsPerSessionMax: number;
  /** Streams that a client may reset in excess of those answered, on one session; more: GOAWAY and closed. */
  readonly resetStreamsMax: number;
  /** What one HTTP/2 session may hold inside Node, in bytes; more: the protocol refuses new streams. */
  readonly sessionBytesMax: number;
  /** Time to send a connection's first bytes, or a request's header lines; more: 408 and closed. */
  readonly headerMs: number;
  /** Time to send a whole request; more: 408. */
  readonly requestMs: number;
  /** Time in which a client takes nothing of an answer that waits for it; more: closed. */
  readonly stalledAnswerMs: number;
  /** Answers that stream at once, over all connections; more: 503. */
  readonly streamedAnswersMax: number;
  /** Bytes of pieces of such answers that their clients have not taken; more: the slowest of them is cut off. */
  readonly streamedBytesMax: number;
  /** Time in which a client takes nothing of a piece of an answer that streams; more: closed. */
  readonly stalledStreamMs: number;
  /** Time that a connection may stand idle between requests; more: closed. */
  readonly idleMs: number;
  /** Bytes of a refused request's body that are read and dropped, so that its sender gets to read the refusal. */
  readonly discardBytesMax: number;
  /** Time in which they are. */
  readonly discardMs: number;
  /** Time that requests in flight have to finish when the gateway closes; more: cut off. */
  readonly closeMs: number;
}

export const gatewayLimits: GatewayLimits = {
  // PutRecords takes 10 MiB of data and keys. In base64 with 500 explicit hash keys that is 13.7 MiB at the most.
  bodyBytesMax: 16 * mib,
  bufferedBytesMax: 256 * mib,
  headerBytesMax: 32 * kib,
  headerLinesMax: 200,
  connectionsMax: 2048,
  requestsInFlightMax: 4096,
  streamsPerSessionMax: 256,
  resetStreamsMax: 200,
  sessionBytesMax: 64 * mib,
  headerMs: 20_000,
  requestMs: 60_000,
  stalledAnswerMs: 30_000,
  streamedAnswersMax: 16_384,
  streamedBytesMax: 128 * mib,
  // A consumer may work on what it has for as long as its subscription lives, which is five minutes.
  stalledStreamMs: 300_000,
  idleMs: 300_000,
  discardBytesMax: 64 * mib,
  discardMs: 2_000,
  closeMs: 4_000,
};
