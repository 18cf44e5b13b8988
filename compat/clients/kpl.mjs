import { fileURLToPath } from 'node:url';
import { javaProgram, libraryVersion } from '../java/maven.mjs';
import { millraceTail } from './aws-kinesis-agg.mjs';

const program = fileURLToPath(new URL('../kpl/program.mjs', import.meta.url));

export const kpl = {
  id: 'kpl',
  name: 'Kinesis Producer Library (over TLS)',
  short: 'KPL',
  heavy: true,
  scenarios: ['reshard', 'trouble', 'aggregates', 'producer-crash'],
  find,
};

/** Its native program is there for two systems; it speaks TLS alone and wants the certificate in a file. */
function find() {
  const built = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
  if (!built.includes(`${process.platform}-${process.arch}`))
    return { reason: 'its native program is not built for this system' };
  const found = javaProgram('kpl', 'Producer');
  if (found.reason !== undefined) return found;
  return {
    version: libraryVersion(found.folder, 'amazon-kinesis-producer'),
    program: process.execPath,
    args: [program, JSON.stringify({ program: found.program, args: found.args }), millraceTail],
  };
}
