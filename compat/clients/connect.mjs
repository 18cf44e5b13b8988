// Redpanda Connect, which was Benthos: pipelines of inputs and outputs, here with those for AWS. Its checkpoints are
// kept in DynamoDB Local. Newer versions of it are no module that a build could have (see go.mod).
import { fileURLToPath } from 'node:url';
import { goProgram, moduleVersion } from '../go/build.mjs';
import { dynamoDbProgram } from '../java/maven.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const sources = file('../connect/');

export const connect = {
  id: 'connect',
  name: 'Redpanda Connect (Benthos)',
  short: 'Connect',
  heavy: true,
  scenarios: ['pipe-reshard', 'pipe-crash', 'pipe-takeover', 'pipe-tls'],
  find,
};

function find() {
  const built = goProgram(sources, { name: 'connect', buildMsMax: 1_800_000 });
  if (built.reason !== undefined) return built;
  const dynamodb = dynamoDbProgram();
  if (dynamodb.reason !== undefined) return dynamodb;
  return {
    version: moduleVersion(sources, 'github.com/redpanda-data/connect/v4'),
    program: process.execPath,
    args: [file('../connect/program.mjs'), JSON.stringify({ connect: built, dynamodb })],
  };
}
