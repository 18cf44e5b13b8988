// The AWS CLI. Version 1 is on PyPI. Version 2 is in no language's registry, only in those of some systems (Debian has
// it): the one on PATH is used where there is one. It takes blobs in base64 unless it is told otherwise, and knows
// AWS_ENDPOINT_URL since 2.13; before, the endpoint is a flag. Neither knows UpdateStreamRecordDistributionStrategy yet: 1.46.3
// has botocore 1.43.62 within.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pythonClients } from '../../scripts/python-clients.mjs';

const script = fileURLToPath(new URL('../shell/aws-cli.sh', import.meta.url));
const scenarios = ['life', 'records', 'reshard', 'settings', 'consumers', 'tls'];
const endpointByVariableSince = 13;

export const awsCliV1 = {
  id: 'aws-cli-v1',
  name: 'AWS CLI, version 1',
  short: 'CLI 1',
  scenarios: [...scenarios, 'extras'],
  find() {
    const found = pythonClients();
    if (found.reason !== undefined) return found;
    return {
      version: found.awscli,
      program: 'bash',
      args: [script],
      environment: { PYTHONPATH: found.path, AWS_CLI: `${found.python} -m awscli` },
    };
  },
};

export const awsCliV2 = {
  id: 'aws-cli-v2',
  name: 'AWS CLI, version 2',
  short: 'CLI 2',
  scenarios,
  find() {
    const { stdout, status } = spawnSync('aws', ['--version'], { encoding: 'utf8' });
    const [, version = ''] = /^aws-cli\/([0-9.]+)/.exec(stdout ?? '') ?? [];
    const [major, minor] = version.split('.').map(Number);
    if (status !== 0 || major !== 2) {
      return { reason: 'there is no version 2 of `aws` on PATH (Debian and others have it as awscli)' };
    }
    return {
      version,
      program: 'bash',
      args: [script],
      environment: {
        AWS_CLI: 'aws',
        AWS_CLI_BLOBS: '--cli-binary-format raw-in-base64-out',
        AWS_CLI_ENDPOINT_FLAG: minor < endpointByVariableSince ? '1' : '',
      },
    };
  },
};
