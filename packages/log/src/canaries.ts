/**
 * Faults that the simulator switches on to prove that it would catch them. Never for use: each makes the engine break
 * one promise, in one small branch.
 */
export interface Canaries {
  /** Answers appends after the write, before the sync. */
  readonly acknowledgeBeforeSync?: boolean;
  /** Never syncs the directory, so that a crash may take whole files away. */
  readonly skipDirectorySync?: boolean;
  /** Answers a commit once it is synced, though one before it is not. */
  readonly acknowledgeOutOfOrder?: boolean;
  /** Recovery goes on behind a torn commit with one that was on its way with it, and whole. */
  readonly acceptBeyondHole?: boolean;
  /** Recovery keeps a last commit whose bytes are not what its checksums say. */
  readonly acceptTornFrame?: boolean;
  /** Recovery takes every torn tail for damage and refuses to open. */
  readonly refuseHealthyTail?: boolean;
  /** Appends to a sealed log are acknowledged. */
  readonly sealRace?: boolean;
  /** Arrival times follow the clock even when that stands before what is on disk. */
  readonly timeBackwards?: boolean;
  /** A chunk's table leaves out the last block of each log that has several. */
  readonly lostIndexEntry?: boolean;
  /** The manifest is switched before the chunk that it names is synced. */
  readonly manifestBeforeSync?: boolean;
  /** A file that is no longer needed is closed and removed under whoever still reads it. */
  readonly referenceDroppedEarly?: boolean;
}
