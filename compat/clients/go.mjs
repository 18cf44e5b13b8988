import { fileURLToPath } from 'node:url';
import { goProgram, moduleVersion } from '../go/build.mjs';

const sources = fileURLToPath(new URL('../go/', import.meta.url));

export const goSdk = {
  id: 'go-sdk',
  name: 'AWS SDK for Go v2',
  short: 'Go v2',
  scenarios: [
    'life',
    'records',
    'reshard',
    'names',
    'trouble',
    'expiry',
    'settings',
    'distribution',
    'fan-out',
    'tls',
    'large',
    'thousand-shards',
    'sparse',
    'crash',
  ],
  find,
};

/** The program as Go builds it from its pinned modules, or the reason why it cannot. */
function find() {
  const built = goProgram(sources, { name: 'program', buildMsMax: 600_000 });
  if (built.reason !== undefined) return built;
  return {
    version: moduleVersion(sources, 'github.com/aws/aws-sdk-go-v2/service/kinesis'),
    program: built.program,
    args: [],
  };
}
