/**
 * What V8 is told of the program that it runs: a small heap that holds much memory outside it.
 *
 * V8 collects when heap and buffers together have grown by a share of what the heap itself takes. The server's heap is
 * 10 MB; the newest records, in memory up to a bound of their own, are buffers of ten times that. By V8's measure that
 * is always too much, so it marks the heap without a pause, in four threads: a third of the processor time of a put. With
 * ten thousand streams the heap is 25 MB, and a share that is right for 10 MB would let it grow by 250.
 *
 *      limit = heap · (1 + share)       share so that  limit = heap + buffers + growthBytes
 *
 * V8 also keeps the pages that it collected, for what comes next, and looks at them again only when it allocates: a server that
 * has made ten thousand streams and rests would hold 145 MB for 30. So at rest it is told to give them back.
 *
 *      every look: the process hardly worked, and the heap grew ──▶ two collections, which keep no room
 *
 * Invariant: between two collections of the whole heap, heap and buffers grow by about `growthBytes`, whatever their size.
 * While the process works, nothing is collected that V8 would not collect.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SystemClock } from '@millrace/base';

const growthBytes = 32 * 1024 * 1024;
/** V8's own least share, and one past which it was seen to gain nothing. */
const percentMin = 30;
const percentMax = 4000;

/** How often it is looked whether the process rests, and with which share of a core it does. */
const lookEveryMs = 2_000;
const restingShareMax = 0.05;
/** It may have grown by so much: a start takes less, and a collection is a pause of 10 ms and more. */
const grownBytesMax = 24 * 1024 * 1024;

/**
 * Lets the heap grow by `growthBytes` before it is collected, and shrink at rest. For a process of our own alone, never for
 * one that only embeds the server. The flag is read by V8 each time it sets its limit, and so safe to set in a process that
 * runs.
 */
export function tendHeap(): void {
  allowGrowth();
  const observer = new PerformanceObserver((list) => {
    if (list.getEntries().some((entry) => isWhole(entry))) allowGrowth();
  });
  observer.observe({ entryTypes: ['gc'] });
  shrinkAtRest(new SystemClock());
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

/** A first collection finds what is empty, and a second, at the next look, moves what is left together and gives pages back. */
function shrinkAtRest(clock: SystemClock): void {
  let before = process.cpuUsage();
  let leftBytes = 0;
  let again = false;
  const look = (): void => {
    const { user, system } = process.cpuUsage(before);
    const rests = (user + system) / 1000 < restingShareMax * lookEveryMs;
    if (rests && (again || takenBytes() - leftBytes > grownBytesMax)) {
      collect();
      again = !again;
      leftBytes = takenBytes();
    } else leftBytes = Math.min(leftBytes, takenBytes());
    before = process.cpuUsage();
    clock.schedule(lookEveryMs, look);
  };
  clock.schedule(lookEveryMs, look);
}

function takenBytes(): number {
  return getHeapStatistics().total_physical_size;
}

/** V8 offers it to contexts that are made after the flag is set. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  const collector: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collector === 'function') collector();
}
