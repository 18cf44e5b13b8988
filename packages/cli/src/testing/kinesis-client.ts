import type { TestContext } from 'node:test';
import { KinesisClient } from '@aws-sdk/client-kinesis';

/** The SDK's client of a server under test, for as long as the test lasts. It says each failure at once: no retries. */
export function kinesisClient(t: TestContext, endpoint: string): KinesisClient {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const kinesis = new KinesisClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
  t.after(() => kinesis.destroy());
  return kinesis;
}
