import { fileURLToPath } from 'node:url';
import { pythonProgram } from './boto3.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const awsKinesisAgg = {
  id: 'aws-kinesis-agg',
  name: 'aws-kinesis-agg (Python, by Amazon)',
  short: 'agg',
  scenarios: ['aggregates'],
  find: () =>
    pythonProgram('aws-kinesis-agg', 'aggregate_scenarios', {
      MILLRACE_TAIL: JSON.stringify([process.execPath, file('../../packages/cli/bin/millrace.js')]),
      MILLRACE_AGGREGATE: JSON.stringify([process.execPath, file('../python/aggregate.mjs')]),
    }),
};
