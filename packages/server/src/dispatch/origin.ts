import { type Answer, type Exchange, noBytes } from '../gateway/exchange.js';

/**
 * Who may speak to us out of a browser, and under which name of ours.
 *
 * A browser lets any page send requests to any address of this machine, and tells us in `Origin` which page it was;
 * by DNS rebinding a page can even make our address its own, which shows in `Host`. AWS may answer every origin,
 * because it verifies signatures; we do not, so only pages that this machine serves itself may use the API, and only
 * requests under one of our own names may use `/_millrace/`.
 */

/** What AWS allows a browser (kinesalite's tests against AWS), for pages that are our own. */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date',
} as const;

const preflightSeconds = 172_800;

export function preflightAnswer(exchange: Exchange): Answer {
  const lines: Record<string, string> = {
    'access-control-allow-origin': '*',
    'access-control-max-age': String(preflightSeconds),
  };
  const wantedHeaders = exchange.header('access-control-request-headers');
  const wantedMethod = exchange.header('access-control-request-method');
  if (wantedHeaders !== undefined) lines['access-control-allow-headers'] = wantedHeaders;
  if (wantedMethod !== undefined) lines['access-control-allow-methods'] = wantedMethod;
  return { status: 200, contentType: undefined, body: noBytes, headers: lines };
}

/** Whether a page of `origin` (`http://localhost:3000`) is served by this machine. `null` is nobody's. */
export function isOwnOrigin(origin: string, ownHosts: ReadonlySet<string>): boolean {
  const match = /^https?:\/\/([^/?#@\s]+)$/.exec(origin);
  return match?.[1] !== undefined && isOwnHost(match[1], ownHosts);
}

/** Whether `host` (`127.0.0.1:4567`, as in a `Host` header) is a name or address that is ours whoever asks. */
export function isOwnHost(host: string, ownHosts: ReadonlySet<string>): boolean {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]/?#@\s]+)(?::\d{1,5})?$/.exec(host);
  if (match?.[1] === undefined) return false;
  const name = match[1].toLowerCase().replace(/\.$/, '');
  return isLoopbackName(name) || ownHosts.has(name.replace(/^\[|\]$/g, ''));
}

/** `localhost` and names beneath it never leave this machine (RFC 6761); 127.0.0.0/8 and ::1 are addresses of it. */
function isLoopbackName(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (name === '[::1]') return true;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}
