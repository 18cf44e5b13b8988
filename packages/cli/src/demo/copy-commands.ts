/** Commands to copy: they are run by a test as they are printed. */

/** Puts one record with the AWS CLI (version 2), into the stream that is being counted. */
export function putCommand(endpoint: string, streamName: string, region: string): readonly string[] {
  return [
    `AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x aws kinesis put-record \\`,
    `  --endpoint-url ${endpoint} --region ${region} \\`,
    `  --stream-name ${streamName} --partition-key ORD \\`,
    `  --cli-binary-format raw-in-base64-out --data hello`,
  ];
}

/** Reads three records with the AWS SDK, in the checkout. */
export function readCommand(endpoint: string, streamName: string, region: string): readonly string[] {
  return [
    `node --input-type=module <<'END'`,
    `import * as aws from '@aws-sdk/client-kinesis';`,
    `const kinesis = new aws.KinesisClient({`,
    `  endpoint: '${endpoint}',`,
    `  region: '${region}',`,
    `  credentials: { accessKeyId: 'x', secretAccessKey: 'x' },`,
    `});`,
    `const { ShardIterator } = await kinesis.send(new aws.GetShardIteratorCommand({`,
    `  StreamName: '${streamName}',`,
    `  ShardId: 'shardId-000000000000',`,
    `  ShardIteratorType: 'TRIM_HORIZON',`,
    `}));`,
    `const page = await kinesis.send(new aws.GetRecordsCommand({ ShardIterator, Limit: 3 }));`,
    `for (const { Data } of page.Records) console.log(Buffer.from(Data).toString());`,
    `END`,
  ];
}

/** Both, with what they are for. */
export function commandsToCopy(endpoint: string, streamName: string, region: string): readonly string[] {
  return [
    'Put a record of your own (it will be counted as foreign):',
    '',
    ...putCommand(endpoint, streamName, region),
    '',
    'Read with the AWS SDK, in the checkout:',
    '',
    ...readCommand(endpoint, streamName, region),
  ];
}
