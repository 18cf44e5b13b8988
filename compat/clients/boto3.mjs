import { fileURLToPath } from 'node:url';
import { pythonClients } from '../../scripts/python-clients.mjs';

/** The minor version of boto3 1 that knows UpdateStreamRecordDistributionStrategy. */
const distributionSince = 44;
const program = fileURLToPath(new URL('../python/program.py', import.meta.url));

/** A program of Python with its packages at hand, or the reason why there is none. */
export function pythonProgram(found, name, module, environment = {}) {
  if (found.reason !== undefined) return found;
  return {
    version: found[name],
    program: found.python,
    args: [program, module],
    environment: { PYTHONPATH: found.path, ...environment },
  };
}

export const boto3 = {
  id: 'boto3',
  name: 'boto3 (Python)',
  short: 'boto3',
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
    'listing-first-put',
    'listing-first-read',
    'listing-stream-manager',
    'listing-buffered-producer',
    'listing-fan-out-manager',
    'listing-consumer-manager',
    'listing-retry-stream',
    'listing-auto-scaling',
    'listing-cost-survey',
  ],
  find() {
    const found = pythonProgram(pythonClients(), 'boto3', 'boto3_scenarios');
    // Where the pinned one cannot be had, an older one may be there.
    const [major, minor] = (found.version ?? '').split('.').map(Number);
    return major === 1 && minor < distributionSince ? { ...found, without: ['distribution'] } : found;
  },
};
