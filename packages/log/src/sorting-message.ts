/**
 * What the main thread and a sorting thread say to each other. Between threads errors lose what class they are of:
 * those that a job may end with cross as plain data.
 */
import { DiskError, type DiskErrorCode } from './disk.js';
import { LogError, type LogErrorCode } from './log-error.js';
import { Abandoned, type MadeChunk } from './sort-job.js';

/** What a thread is begun with; each message to it is a `SortJob`. */
export interface SortingWorkerData {
  readonly directory: string;
}

export type SortAnswer =
  | { readonly kind: 'made'; readonly made: MadeChunk | undefined }
  | { readonly kind: 'disk'; readonly code: DiskErrorCode; readonly message: string }
  | { readonly kind: 'log'; readonly code: LogErrorCode; readonly message: string }
  | { readonly kind: 'abandoned' };

/** What to answer when a job threw `error`; throws it again when it is no operating error. */
export function failedAnswer(error: unknown): SortAnswer {
  if (error instanceof DiskError) return { kind: 'disk', code: error.code, message: error.message };
  if (error instanceof LogError) return { kind: 'log', code: error.code, message: error.message };
  if (error instanceof Abandoned) return { kind: 'abandoned' };
  throw error;
}

/** What the job would have returned or thrown here. */
export function resultOf(answer: SortAnswer): MadeChunk | undefined {
  switch (answer.kind) {
    case 'made':
      return answer.made;
    case 'disk':
      throw new DiskError(answer.code, answer.message);
    case 'log':
      throw new LogError(answer.code, answer.message);
    case 'abandoned':
      throw new Abandoned();
  }
}
