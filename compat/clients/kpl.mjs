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

/**
 * How its program is run. The native one is there for two systems; it speaks TLS alone and wants the certificate in a file.
 */
export function kplProducer(flags = []) {
  const built = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
  if (!built.includes(`${process.platform}-${process.arch}`))
    return { reason: 'its native program is not built for this system' };
  const found = javaProgram('kpl', 'Producer', { flags });
  if (found.reason !== undefined) return found;
  const version = libraryVersion(found.folder, 'amazon-kinesis-producer');
  return { version, producer: { program: found.program, args: found.args } };
}

function find() {
  const { reason, version, producer } = kplProducer();
  if (reason !== undefined) return { reason };
  return { version, program: process.execPath, args: [program, JSON.stringify(producer), millraceTail] };
}
