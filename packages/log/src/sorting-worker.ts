/**
 * A sorting thread: a job comes in, its chunk is made, an answer goes out. Between two jobs it holds its buffer. An error
 * that is no operating error is not caught: it ends the thread, and the main thread does the job itself and meets
 * the same error.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '@millrace/base';
import { blockingDisk } from './blocking-disk.js';
import { SortBuffer } from './journal-sorter.js';
import { type SortJob, sortJournal } from './sort-job.js';
import { failedAnswer, type SortAnswer, type SortingWorkerData } from './sorting-message.js';

const port = present(parentPort, 'the port of a thread');
const { directory } = workerData as SortingWorkerData;
const disk = blockingDisk(directory);
const memory = new SortBuffer();

port.on('message', async (job: SortJob) => {
  port.postMessage(await answer(job));
});

async function answer(job: SortJob): Promise<SortAnswer> {
  try {
    return { kind: 'made', made: await sortJournal(disk, job, memory) };
  } catch (error) {
    return failedAnswer(error);
  }
}
