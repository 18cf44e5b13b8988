/**
 * Pagination tokens: where a listing goes on and what it was asked for, sealed, good for 300 seconds.
 *
 *      payload = JSON { "at": issued ms, "page": {…} }
 *
 * `page` is the listing's own; only this program can have written it, so it is read as it stands.
 */
import type { Json } from '../catalog/catalog-record.js';
import * as errors from './errors.js';
import { numberField, objectOf } from './json-field.js';
import type { TokenSealer } from './sealed-token.js';

export function sealNextToken(sealer: TokenSealer, context: string, page: Json, nowMs: number): string {
  return sealer.seal(context, Buffer.from(JSON.stringify({ at: nowMs, page }), 'utf8'));
}

/** The page of a token; throws what AWS answers to one that is forged, foreign or too old. */
export function openNextToken(
  sealer: TokenSealer,
  context: string,
  token: string,
  nowMs: number,
  lifeMs: number,
): Json {
  const payload = sealer.open(context, token);
  if (payload === undefined) throw errors.invalidNextToken();
  const sealed = objectOf(JSON.parse(Buffer.from(payload).toString('utf8')) as Json, 'a token');
  const issuedMs = numberField(sealed, 'at');
  if (nowMs - issuedMs > lifeMs) throw errors.nextTokenExpired(issuedMs, nowMs, lifeMs);
  const { page = null } = sealed;
  return page;
}
