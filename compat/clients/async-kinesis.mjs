import { pythonPackages } from '../../scripts/python-clients.mjs';
import { millraceTail } from './aws-kinesis-agg.mjs';
import { pythonProgram } from './boto3.mjs';

// It needs a botocore of its own, older than boto3's: a folder apart.
const pinned = { 'async-kinesis': '3.0.1', 'aws-kinesis-agg': '1.2.3' };

export const asyncKinesis = {
  id: 'async-kinesis',
  name: 'async-kinesis (Python)',
  short: 'async',
  scenarios: ['reshard', 'trouble', 'aggregates'],
  find: () =>
    pythonProgram(
      pythonPackages(pinned, ['kinesis', 'aws_kinesis_agg.aggregator']),
      'async-kinesis',
      'async_scenarios',
      {
        MILLRACE_TAIL: millraceTail,
      },
    ),
};
