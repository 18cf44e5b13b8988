import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { putCommand, readCommand } from './demo/copy-commands.js';
import { millrace, temporaryFolder } from './testing/millrace-process.js';
import { pythonClients, run, runPython, runShell } from './testing/python-clients.js';

const clients = pythonClients();
const skip = 'reason' in clients && clients.reason;
const versions = 'reason' in clients ? 'none' : `boto3 ${clients.boto3}, AWS CLI ${clients.awscli}`;

test(`boto3 works with nothing but the endpoint set (${versions})`, { skip }, async (t) => {
  const endpoint = await millrace(t, ['serve', '--port', '0', '--ephemeral']).endpoint();
  const script = `
import boto3
kinesis = boto3.client('kinesis')
kinesis.create_stream(StreamName='orders', ShardCount=2)
kinesis.get_waiter('stream_exists').wait(StreamName='orders', WaiterConfig={'Delay': 1})
put = kinesis.put_records(
    StreamName='orders',
    Records=[{'PartitionKey': f'customer-{i}', 'Data': f'order {i}'.encode()} for i in range(100)])
assert put['FailedRecordCount'] == 0
assert len({record['ShardId'] for record in put['Records']}) == 2
seen = []
for shard in kinesis.list_shards(StreamName='orders')['Shards']:
    iterator = kinesis.get_shard_iterator(
        StreamName='orders', ShardId=shard['ShardId'], ShardIteratorType='TRIM_HORIZON')['ShardIterator']
    page = kinesis.get_records(ShardIterator=iterator)
    seen += [record['Data'].decode() for record in page['Records']]
    assert all(record['ApproximateArrivalTimestamp'].year > 2020 for record in page['Records'])
assert sorted(seen) == sorted(f'order {i}' for i in range(100)), seen
try:
    kinesis.put_record(StreamName='nowhere', PartitionKey='k', Data=b'x')
    raise SystemExit('no error')
except kinesis.exceptions.ResourceNotFoundException as error:
    assert 'nowhere' in str(error), error
kinesis.delete_stream(StreamName='orders')
kinesis.get_waiter('stream_not_exists').wait(StreamName='orders', WaiterConfig={'Delay': 1})
print('done')
`;
  const { code, stdout, stderr } = await runPython(clients, script, endpoint);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'done\n');
});

test(`the AWS CLI works with nothing but the endpoint set (${versions})`, { skip }, async (t) => {
  const endpoint = await millrace(t, ['serve', '--port', '0', '--ephemeral']).endpoint();
  const script = `
aws kinesis create-stream --stream-name orders --shard-count 1
aws kinesis wait stream-exists --stream-name orders
aws kinesis put-record --stream-name orders --partition-key k --cli-binary-format raw-in-base64-out --data hello > /dev/null
iterator=$(aws kinesis get-shard-iterator --stream-name orders --shard-id shardId-000000000000 \\
  --shard-iterator-type TRIM_HORIZON --query ShardIterator --output text)
aws kinesis get-records --shard-iterator "$iterator" --query 'Records[0].Data' --output text | base64 -d
`;
  const { code, stdout, stderr } = await runShell(clients, script, endpoint);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'hello');
});

test('boto3 and curl work over https with what the server prints', { skip }, async (t) => {
  const data = await temporaryFolder(t);
  const server = millrace(t, [
    'serve',
    '--port',
    '0',
    '--data',
    data,
    '--tls',
    '--tls-only',
    '--create',
    's:1',
  ]);
  const endpoint = await server.endpoint();
  assert.match(endpoint, /^https:/);
  const [, bundle = ''] = await server.printed(/AWS_CA_BUNDLE='([^']+)'/);
  assert.equal(bundle, path.join(data, 'tls', 'certificate.pem'));
  const script = `
import os
os.environ['AWS_CA_BUNDLE'] = ${JSON.stringify(bundle)}
import boto3
kinesis = boto3.client('kinesis')
print(kinesis.put_record(StreamName='s', PartitionKey='k', Data=b'x')['ShardId'])
`;
  const python = await runPython(clients, script, endpoint);
  assert.equal(python.stdout, 'shardId-000000000000\n', python.stderr);
  const curl = await run('curl', ['-sS', '--cacert', bundle, `${endpoint}/_millrace/health`], '', endpoint);
  assert.equal(curl.stdout, '{"live":true,"ready":true}\n', curl.stderr);
  const plain = await run('curl', ['-sS', endpoint.replace('https', 'http')], '', endpoint);
  assert.match(plain.stdout, /use https:/);
});

test('the commands that the demonstration prints work as they are printed', { skip }, async (t) => {
  const server = millrace(t, ['serve', '--port', '0', '--ephemeral', '--create', 'flights:1']);
  const endpoint = await server.endpoint();
  const put = await runShell(
    clients,
    `${putCommand(endpoint, 'flights', 'us-east-1').join('\n')}\n`,
    endpoint,
  );
  assert.equal(put.code, 0, put.stderr);
  assert.match(put.stdout, /"ShardId": "shardId-000000000000"/);
  const read = await runShell(
    clients,
    `${readCommand(endpoint, 'flights', 'us-east-1').join('\n')}\n`,
    endpoint,
  );
  assert.equal(read.code, 0, read.stderr);
  assert.equal(read.stdout, 'hello\n');
});
