/**
 * The process: its memory, its processor time, and how late its event loop comes round. The last is watched from the
 * first time that somebody asks, since watching wakes an idle process fifty times a second; each answer is about the
 * time since the one before.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { type Family, single } from './exposition.js';

const resolutionMs = 20;
const quantiles = [0.5, 0.9, 0.99, 1];

export class ProcessGauges {
  #delay: IntervalHistogram | undefined;

  families(): readonly Family[] {
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    return [
      single(
        'counter',
        'process_cpu_seconds_total',
        'Processor time, all threads together.',
        (cpu.user + cpu.system) / 1e6,
      ),
      single('gauge', 'process_resident_memory_bytes', 'Memory that the process holds.', memory.rss),
      single('gauge', 'nodejs_heap_size_used_bytes', 'Of it, the heap in use.', memory.heapUsed),
      single('gauge', 'nodejs_external_memory_bytes', 'Of it, buffers outside the heap.', memory.external),
      single('gauge', 'process_uptime_seconds', 'Time since the process began.', process.uptime()),
      this.#delays(),
    ];
  }

  close(): void {
    this.#delay?.disable();
  }

  #delays(): Family {
    const known = this.#delay;
    this.#delay ??= monitorEventLoopDelay({ resolution: resolutionMs });
    this.#delay.enable();
    const samples =
      known === undefined || known.max === 0
        ? []
        : quantiles.map((quantile) => ({
            labels: { quantile: String(quantile) },
            value: Math.max(0, known.percentile(quantile * 100) / 1e9 - resolutionMs / 1000),
          }));
    known?.reset();
    return {
      name: 'millrace_event_loop_delay_seconds',
      help: 'How late the event loop came round, since the last look at these metrics.',
      type: 'gauge',
      samples,
    };
  }
}
