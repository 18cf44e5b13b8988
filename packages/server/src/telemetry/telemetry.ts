/**
 * Everything that Prometheus is told. Counters are plain numbers, counted where things happen; what can be asked for
 * is asked for when somebody looks (`Sources`), and costs nothing until then.
 */
import type { EngineCounters } from '@millrace/log';
import { type Family, single } from './exposition.js';
import { ProcessGauges } from './process-gauges.js';
import { RequestMeter } from './request-meter.js';
import { StreamMeter } from './stream-meter.js';

/** What stands now; undefined where there is no such thing, as a disk under an ephemeral server. */
export interface Sources {
  readonly ready: boolean;
  readonly gateway: {
    readonly connections: number;
    readonly inFlight: number;
    readonly streaming: number;
    readonly bufferedBytes: number;
  };
  readonly clock: { readonly held: boolean; readonly aheadMs: number };
  readonly faults: { readonly set: number; readonly struck: ReadonlyMap<string, number> };
  readonly state:
    | {
        readonly streams: number;
        readonly openShards: number;
        readonly subscriptions: number;
        readonly log: LogNumbers;
      }
    | undefined;
}

interface LogNumbers extends EngineCounters {
  readonly writable: boolean;
  readonly settling:
    | { readonly chunks: number; readonly unsettledFiles: number; readonly trouble: string | undefined }
    | undefined;
}

export class Telemetry {
  readonly requests = new RequestMeter();
  readonly streams = new StreamMeter();
  readonly #process = new ProcessGauges();

  families(sources: Sources): readonly Family[] {
    const { gateway, clock, faults, state } = sources;
    const gauge = (name: string, help: string, value: number): Family => single('gauge', name, help, value);
    return [
      gauge(
        'millrace_ready',
        'Whether requests are answered as they should be: 1 or 0.',
        Number(sources.ready),
      ),
      ...this.requests.families(),
      ...this.streams.families(),
      gauge('millrace_connections', 'Open connections.', gateway.connections),
      gauge('millrace_requests_in_flight', 'Requests being worked on.', gateway.inFlight),
      gauge(
        'millrace_answers_streaming',
        'Answers that go on, as those of SubscribeToShard.',
        gateway.streaming,
      ),
      gauge('millrace_buffered_bytes', 'Bodies held, and answers not yet taken.', gateway.bufferedBytes),
      gauge('millrace_clock_held', 'Whether the server’s clock is held: 1 or 0.', Number(clock.held)),
      gauge('millrace_clock_ahead_seconds', 'The server’s clock less the machine’s.', clock.aheadMs / 1000),
      gauge('millrace_faults', 'Faults that are set.', faults.set),
      {
        name: 'millrace_faults_struck_total',
        help: 'Requests, or records, that a fault has struck.',
        type: 'counter',
        samples: [...faults.struck].map(([fault, value]) => ({ labels: { fault }, value })),
      },
      ...(state === undefined ? [] : stateFamilies(state)),
      ...this.#process.families(),
    ];
  }

  close(): void {
    this.#process.close();
  }
}

function stateFamilies(state: NonNullable<Sources['state']>): readonly Family[] {
  const { log } = state;
  const gauge = (name: string, help: string, value: number): Family => single('gauge', name, help, value);
  const counter = (name: string, help: string, value: number): Family => single('counter', name, help, value);
  return [
    gauge('millrace_streams', 'Streams there are.', state.streams),
    gauge('millrace_open_shards', 'Shards that take records.', state.openShards),
    gauge('millrace_subscriptions', 'Subscriptions to shards.', state.subscriptions),
    counter('millrace_log_appends_total', 'Appends to the log.', log.appends),
    counter('millrace_log_records_total', 'Records in them.', log.records),
    counter('millrace_log_payload_bytes_total', 'Bytes of those records.', log.payloadBytes),
    counter('millrace_log_commits_total', 'Commits: one write for all that waited.', log.commits),
    counter('millrace_log_syncs_total', 'Syncs of the journal.', log.syncs),
    counter('millrace_log_sync_seconds_total', 'Time that those syncs took.', log.syncMs / 1000),
    gauge('millrace_log_disk_bytes', 'Bytes of the log on the disk.', log.diskBytes),
    gauge(
      'millrace_log_writable',
      'Whether the log takes records: 0 on a full disk, or after a failed write.',
      Number(log.writable),
    ),
    ...(log.settling === undefined
      ? []
      : [
          gauge('millrace_log_chunks', 'Chunks of settled records.', log.settling.chunks),
          gauge(
            'millrace_log_unsettled_files',
            'Journal files that wait to be settled.',
            log.settling.unsettledFiles,
          ),
          gauge(
            'millrace_log_settling',
            'Whether old records are settled: 0 when that has stopped until the next start, and the journal grows.',
            Number(log.settling.trouble === undefined),
          ),
        ]),
  ];
}
