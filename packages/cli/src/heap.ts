/**
 * What V8 is told of the program that it runs: a small heap that holds much memory outside it.
 *
 * V8 collects when heap and buffers together have grown by a share of what the heap itself takes. The server's heap is
 * 10 MB; the newest records, in memory up to a bound of their own, are buffers of ten times that. By V8's measure that
 * is always too much, so it marks the heap without a pause, in four threads: a third of the processor time of a put. With
 * ten thousand streams the heap is 60 MB, and a share that is right for 10 MB would let it grow by 600.
 *
 *      limit = heap · (1 + share)       share so that  limit = heap + buffers + growthBytes
 *
 * Invariant: between two collections of the whole heap, heap and buffers grow by about `growthBytes`, whatever their size.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

const growthBytes = 64 * 1024 * 1024;
/** V8's own least share, and one past which it was seen to gain nothing. */
const percentMin = 30;
const percentMax = 4000;

/**
 * Lets the heap grow by `growthBytes` before it is collected. For a process of our own alone, never for one that only
 * embeds the server. The flag is read by V8 each time it sets its limit, and so safe to set in a process that runs.
 */
export function letHeapGrow(): void {
  allowGrowth();
  const observer = new PerformanceObserver((list) => {
    if (list.getEntries().some((entry) => isWhole(entry))) allowGrowth();
  });
  observer.observe({ entryTypes: ['gc'] });
}

function allowGrowth(): void {
  const { used_heap_size: heapBytes, external_memory: bufferBytes } = getHeapStatistics();
  const percent = Math.round(((bufferBytes + growthBytes) / heapBytes) * 100);
  setFlagsFromString(`--heap-growing-percent=${Math.min(percentMax, Math.max(percentMin, percent))}`);
}

/** Whether a collection was of the whole heap. */
function isWhole(entry: object): boolean {
  const detail = 'detail' in entry ? entry.detail : undefined;
  const kind = typeof detail === 'object' && detail !== null && 'kind' in detail ? detail.kind : undefined;
  return kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}
