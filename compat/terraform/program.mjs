// Terraform with its AWS provider through the scenarios: node program.mjs <how it is run, as JSON> <scenario>…
//
//      {"terraform":"…/terraform","provider":"…/terraform-provider-aws","version":"4.9.0"}
//
// Each scenario has a folder of its own with streams.tf in it; what the provider has called stands in its own log.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as sdk from '@aws-sdk/client-kinesis';

const [how, ...names] = process.argv.slice(2);
const { terraform, provider, version } = JSON.parse(how);
const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-terraform-'));
const kinesis = new sdk.KinesisClient({});
const changed = ['-var-file', file('changed.tfvars')];
const saidMax = 8_192;

const scenarios = {
  async 'declare-apply'(run) {
    await run.apply();
    assert.deepEqual(await run.changes(), {});
    const full = await summary('declare-apply-full');
    assert.deepEqual([full.OpenShardCount, full.RetentionPeriodHours], [2, 48]);
    assert.deepEqual([full.EncryptionType, full.KeyId], ['KMS', 'alias/aws/kinesis']);
    assert.deepEqual(metrics(full), ['IncomingBytes', 'OutgoingBytes']);
    assert.equal(full.ConsumerCount, 1);
    assert.deepEqual(await tags('declare-apply-full'), { team: 'mill', stage: 'first' });
    assert.equal((await summary('declare-apply-first')).StreamModeDetails.StreamMode, 'PROVISIONED');
    assert.equal((await summary('declare-apply-second')).StreamModeDetails.StreamMode, 'ON_DEMAND');
    await run.terraform('destroy', '-auto-approve');
    for (const name of ['full', 'first', 'second'])
      await assert.rejects(summary(`declare-apply-${name}`), { name: 'ResourceNotFoundException' });
  },

  async 'declare-change'(run) {
    await run.apply();
    assert.deepEqual(await run.changes(...changed), {
      'aws_kinesis_stream.full': ['update'],
      'aws_kinesis_stream.plain["first"]': ['update'],
      'aws_kinesis_stream.plain["second"]': ['update'],
    });
    await run.apply(...changed);
    assert.deepEqual(await run.changes(...changed), {});
    const full = await summary('declare-change-full');
    assert.deepEqual([full.OpenShardCount, full.RetentionPeriodHours], [4, 36]);
    assert.deepEqual([full.EncryptionType, full.KeyId], ['NONE', undefined]);
    assert.deepEqual(metrics(full), ['IteratorAgeMilliseconds', 'OutgoingBytes']);
    assert.deepEqual(await tags('declare-change-full'), { team: 'mill', stage: 'second', owner: 'miller' });
    assert.equal((await summary('declare-change-first')).StreamModeDetails.StreamMode, 'ON_DEMAND');
    const second = await summary('declare-change-second');
    assert.deepEqual([second.StreamModeDetails.StreamMode, second.OpenShardCount], ['PROVISIONED', 2]);
    await run.terraform('destroy', '-auto-approve', ...changed);
  },

  async 'declare-import'(run) {
    await run.apply();
    const { ConsumerARN } = await consumer('declare-import-full', 'reader');
    // As someone who has no state of what is there.
    run.forget();
    await run.terraform('import', 'aws_kinesis_stream.full', 'declare-import-full');
    await run.terraform('import', 'aws_kinesis_stream.plain["first"]', 'declare-import-first');
    await run.terraform('import', 'aws_kinesis_stream.plain["second"]', 'declare-import-second');
    await run.terraform('import', 'aws_kinesis_stream_consumer.reader', ConsumerARN);
    // That consumers go with their stream is told to the provider, and to nobody else.
    const { 'aws_kinesis_stream.full': full = ['update'], ...others } = await run.changes();
    assert.deepEqual([full, others], [['update'], {}]);
    await run.apply();
    assert.deepEqual(await run.changes(), {});
    await run.terraform('destroy', '-auto-approve');
  },
};

class Run {
  #folder;

  constructor(scenario) {
    this.#folder = path.join(folder, scenario);
    this.prefix = scenario;
    mkdirSync(this.#folder);
    copyFileSync(file('streams.tf'), path.join(this.#folder, 'streams.tf'));
  }

  get #log() {
    return path.join(this.#folder, 'log');
  }

  apply(...flags) {
    return this.terraform('apply', '-auto-approve', ...flags);
  }

  /** What a plan would do, by address; nothing where it finds all as it is declared. */
  async changes(...flags) {
    await this.terraform('plan', '-out=plan', ...flags);
    const { resource_changes: all = [] } = JSON.parse(await this.terraform('show', '-json', 'plan'));
    const real = all.filter(({ mode, change }) => mode === 'managed' && change.actions.join() !== 'no-op');
    return Object.fromEntries(real.map(({ address, change }) => [address, change.actions]));
  }

  forget() {
    rmSync(path.join(this.#folder, 'terraform.tfstate'));
  }

  /** Runs one command to its end and answers what it printed. */
  async terraform(command, ...args) {
    const quietly = command === 'show' ? [] : ['-no-color', '-input=false'];
    const child = spawn(terraform, [command, ...quietly, ...args], {
      cwd: this.#folder,
      env: {
        ...process.env,
        CHECKPOINT_DISABLE: '1',
        TF_IN_AUTOMATION: '1',
        TF_CLI_CONFIG_FILE: path.join(folder, 'terraform.rc'),
        TF_LOG: 'DEBUG',
        TF_LOG_PATH: this.#log,
        TF_VAR_endpoint: process.env.AWS_ENDPOINT_URL,
        TF_VAR_prefix: this.prefix,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      printed += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-saidMax);
    });
    const code = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    assert.equal(code, 0, `${command} ${args.join(' ')}: ${printed.slice(-saidMax)}\n${said}`);
    return printed;
  }

  /** Operations that the provider has written an answer to into its log. */
  get called() {
    const log = readFileSync(this.#log, 'utf8');
    const answered = /Response kinesis\/(\w+) Details:[\s\S]{0,600}?HTTP\/\d\.\d 200/g;
    return [...new Set([...log.matchAll(answered)].map(([, operation]) => operation))];
  }
}

async function summary(StreamName) {
  const answer = await kinesis.send(new sdk.DescribeStreamSummaryCommand({ StreamName }));
  return answer.StreamDescriptionSummary;
}

const metrics = ({ EnhancedMonitoring }) =>
  EnhancedMonitoring.flatMap(({ ShardLevelMetrics }) => ShardLevelMetrics).sort();

async function tags(StreamName) {
  const { Tags } = await kinesis.send(new sdk.ListTagsForStreamCommand({ StreamName }));
  return Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
}

async function consumer(StreamName, name) {
  const { StreamARN } = await summary(StreamName);
  const { Consumers } = await kinesis.send(new sdk.ListStreamConsumersCommand({ StreamARN }));
  return Consumers.find(({ ConsumerName }) => ConsumerName === name);
}

/** A mirror of providers on the disk, as its documentation lays one out, with the one that was built. */
function layMirror() {
  const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const mirror = path.join(folder, 'mirror');
  const place = path.join(mirror, 'registry.terraform.io/hashicorp/aws', version, platform);
  mkdirSync(place, { recursive: true });
  symlinkSync(provider, path.join(place, `terraform-provider-aws_v${version}`));
  writeFileSync(
    path.join(folder, 'terraform.rc'),
    `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`,
  );
}

async function ask(scenario) {
  try {
    const run = new Run(scenario);
    await run.terraform('init');
    await scenarios[scenario](run);
    console.log(JSON.stringify({ scenario, passed: true, operations: run.called }));
  } catch (error) {
    console.log(
      JSON.stringify({ scenario, passed: false, error: String(error.stack ?? error), operations: [] }),
    );
  }
}

layMirror();
// Each waits most of its time: ten seconds after whatever it has changed.
await Promise.all(names.map(ask));
kinesis.destroy();
rmSync(folder, { recursive: true });
