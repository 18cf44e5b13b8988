import { assert } from '@millrace/base';
import type { LogId } from './contract.js';

const logIdPattern = /^[A-Za-z0-9_./:-]{1,128}$/;

/** Ids are made by code, never by clients: a malformed one is a bug. */
export function assertLogId(id: LogId): void {
  assert(logIdPattern.test(id), `"${id}" is not a log id: 1 to 128 of A-Z a-z 0-9 _ . / : -`);
}
