// The MultiLangDaemon: the KCL in Java, which starts a processor in another language for each shard and speaks with it
// over stdin and stdout. One daemon of each generation, one way of reading each, one processor of each language.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/setup.mjs';
import { dynamoDbProgram, javaProgram, libraryVersion } from '../java/maven.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const fetchMsMax = 180_000;
const scenarios = [
  'consume-reshard',
  'consume-takeover',
  'consume-trouble',
  'consume-large',
  'consume-crash',
  'consume-tls',
];

const three = {
  daemon: '3.1.3',
  mode: 'POLLING',
  credentials: 'AwsCredentialsProvider = DefaultCredentialsProvider',
};
const two = {
  daemon: '2.5.4',
  mode: 'FANOUT',
  credentials: 'AWSCredentialsProvider = DefaultAWSCredentialsProviderChain',
};

export const multilangPython = {
  id: 'multilang-python',
  name: 'MultiLangDaemon 3 (polling), amazon_kclpy processor (Python)',
  short: 'MLD Python',
  heavy: true,
  scenarios,
  find: () => find(kclpy(), three),
};

export const multilangNode = {
  id: 'multilang-node',
  name: 'MultiLangDaemon 2 (fan-out), aws-kcl processor (Node.js)',
  short: 'MLD Node',
  heavy: true,
  scenarios,
  find: () => find(awsKcl(), two),
};

/** What the daemon has asked for when it has read anything: unlike our own programs it does not say. */
const called = {
  POLLING: ['GetRecords', 'GetShardIterator', 'ListShards'],
  FANOUT: ['DescribeStreamConsumer', 'ListShards', 'RegisterStreamConsumer', 'SubscribeToShard'],
};

function find(processor, { daemon, mode, credentials }) {
  if (processor.reason !== undefined) return processor;
  const java = javaProgram('multilang', 'software.amazon.kinesis.multilang.MultiLangDaemon', {
    properties: { multilang: daemon },
  });
  if (java.reason !== undefined) return java;
  const dynamodb = dynamoDbProgram();
  if (dynamodb.reason !== undefined) return dynamodb;
  const worker = {
    program: file('../multilang/daemon.sh'),
    args: [processor.command, mode, ...java.args],
    environment: {
      ...processor.environment,
      COMPAT_JAVA: file('../java/java.sh'),
      COMPAT_CREDENTIALS: credentials,
    },
    // Where the daemon takes a command apart at its spaces, a name of a file must have none.
    cwd: file('../multilang/'),
    stopSignal: 'SIGTERM',
  };
  return {
    version: `${libraryVersion(java.folder, 'amazon-kinesis-client-multilang')}, ${processor.version}`,
    program: process.execPath,
    args: [file('../kcl/program.mjs'), JSON.stringify({ worker, dynamodb, called: called[mode] })],
  };
}

/**
 * The Python half as PyPI has it. Its setup fetches the daemon as well, from one place and in one version, and installs
 * nothing where it is not to be had: the package is plain Python, and unpacked it is what would be installed.
 */
function kclpy() {
  const version = '3.2.0';
  const name = `amazon_kclpy-${version}`;
  const folder = fetched(`millrace-python/${name}`, (draft) => {
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check'];
    const exactly = ['--no-deps', '--no-binary', ':all:', '--dest', draft, `amazon_kclpy==${version}`];
    return (
      run('python3', [...pip, ...exactly]) ??
      run('tar', ['-xzf', path.join(draft, `${name}.tar.gz`), '-C', draft])
    );
  });
  if (folder.reason !== undefined) return folder;
  return {
    version: `amazon_kclpy ${version}`,
    command: 'python3 processor.py',
    environment: { PYTHONPATH: path.join(folder.path, name) },
  };
}

function awsKcl() {
  const version = '2.3.2';
  const folder = fetched(`millrace-npm/aws-kcl-${version}`, (draft) => {
    const quietly = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
    return run('npm', ['install', '--prefix', draft, ...quietly, `aws-kcl@${version}`]);
  });
  if (folder.reason !== undefined) return folder;
  return {
    version: `aws-kcl ${version}`,
    command: 'node processor.cjs',
    environment: {
      NODE_PATH: path.join(folder.path, 'node_modules'),
      PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
    },
  };
}

/** A folder that git ignores, filled once. Filled beside and renamed, so that a fetch which was cut off leaves nothing half. */
function fetched(name, fill) {
  const folder = path.join(root, 'node_modules', '.cache', name);
  if (existsSync(folder)) return { path: folder };
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const failure = fill(draft);
  if (failure === undefined && !existsSync(folder)) renameSync(draft, folder);
  rmSync(draft, { recursive: true, force: true });
  return failure === undefined ? { path: folder } : { reason: failure };
}

/** Why it failed; undefined when it did not. */
function run(program, args) {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: fetchMsMax });
  if (status === 0) return undefined;
  return `${program} ${args.at(-1)}: ${error?.message ?? (stderr ?? '').trim().split('\n').at(-1)}`;
}
