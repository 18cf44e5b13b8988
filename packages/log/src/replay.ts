/**
 * Applies a frame from the journal to the registry, as its commit once did.
 *
 * Invariant: a frame that passed its checksums but does not follow from what came before it (a log that does not
 * exist, a position that leaves a hole) is refused, not applied: `false` means damage.
 */
import { type FrameHead, frameKind, voidLog } from './frame.js';
import type { ScannedFrame } from './journal-scan.js';
import type { Registry } from './registry.js';

export function replay(registry: Registry, frame: ScannedFrame, file: number): boolean {
  const { head } = frame;
  switch (head.kind) {
    case frameKind.append:
      return replayAppend(registry, head, file, frame.offset);
    case frameKind.create:
      return replayCreate(registry, head, frame.payload);
    default:
      for (let s = 0; s < head.sectionCount; s++) {
        const log = registry.byNumber(head.logOf(s));
        if (log === undefined) return false;
        if (head.kind === frameKind.seal) registry.sealed(log);
        else if (head.kind === frameKind.trim) registry.trimmed(log, head.positionOf(s));
        else registry.deleted(log);
      }
      return true;
  }
}

function replayAppend(registry: Registry, head: FrameHead, file: number, offset: number): boolean {
  for (let s = 0; s < head.sectionCount; s++) {
    const number = head.logOf(s);
    const count = head.countOf(s);
    if (number === voidLog || count === 0) continue;
    const log = registry.byNumber(number);
    const position = head.positionOf(s);
    if (log === undefined || position < log.end) return false;
    registry.appended(log, position, count, head.arrivalOf(s), file, offset);
  }
  return true;
}

function replayCreate(registry: Registry, head: FrameHead, ids: Buffer): boolean {
  let at = 0;
  for (let s = 0; s < head.sectionCount; s++) {
    const number = head.logOf(s);
    const id = ids.toString('latin1', at, at + head.countOf(s));
    at += head.countOf(s);
    if (registry.byNumber(number) !== undefined || registry.joined(id) !== undefined) return false;
    registry.created(registry.recreate(id, number));
  }
  return at === ids.length;
}
