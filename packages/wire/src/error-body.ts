/**
 * The body of an error answer, the same for every protocol: a map of the short type, the message under the name that
 * AWS gives it, and what else the error's shape declares.
 *
 *      {"__type":"ResourceNotFoundException","message":"…"}
 *
 * Kinesis writes the type without a namespace, and `message` small; the exceptions are in the table. Source:
 * kinesalite's tests against AWS; KPL's logs show the bare type of an unreadable body; answers of other JSON services
 * in public reports show the capital of AccessDeniedException.
 */
import type { AwsError } from './aws-error.js';

/** Errors whose message is written `Message`: those that AWS's framework answers before the service sees the call. */
const capitalMessage: ReadonlySet<string> = new Set(['SerializationException', 'AccessDeniedException']);

/** The members of the body, in order. An error with an empty message has none. */
export function errorBody(error: AwsError): { readonly [name: string]: unknown } {
  const body: { [name: string]: unknown } = { __type: error.code };
  if (error.message !== '') body[capitalMessage.has(error.code) ? 'Message' : 'message'] = error.message;
  return Object.assign(body, error.members);
}
