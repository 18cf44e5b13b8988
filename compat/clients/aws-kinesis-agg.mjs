import { fileURLToPath } from 'node:url';
import { pythonClients } from '../../scripts/python-clients.mjs';
import { pythonProgram } from './boto3.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Millrace's `tail`, for programs of other languages: its arguments in JSON. */
export const millraceTail = JSON.stringify([process.execPath, file('../../packages/cli/bin/millrace.js')]);

export const awsKinesisAgg = {
  id: 'aws-kinesis-agg',
  name: 'aws-kinesis-agg (Python, by Amazon)',
  short: 'agg',
  scenarios: ['aggregates'],
  find: () =>
    pythonProgram(pythonClients(), 'aws-kinesis-agg', 'aggregate_scenarios', {
      MILLRACE_TAIL: millraceTail,
      MILLRACE_AGGREGATE: JSON.stringify([process.execPath, file('../python/aggregate.mjs')]),
    }),
};
