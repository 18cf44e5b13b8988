/**
 * The bytes of a few messages, kept in `golden/` as they went over the wire once: JSON as it is, CBOR in hexadecimal.
 * A change in them is a change for every client. `MILLRACE_GOLDEN=write` writes them anew.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { AwsError } from './aws-error.js';
import { cborProtocol } from './cbor-protocol.js';
import { jsonProtocol } from './json-protocol.js';
import type { Protocol } from './protocol.js';
import { blob, integer, list, long, required, string, structure, timestamp } from './shape.js';

const getRecords = structure('GetRecordsOutput', {
  Records: required(
    list(
      structure('Record', {
        SequenceNumber: required(string()),
        ApproximateArrivalTimestamp: timestamp,
        Data: required(blob()),
        PartitionKey: required(string()),
        EncryptionType: string(),
      }),
    ),
  ),
  NextShardIterator: string(),
  MillisBehindLatest: long(),
});

const listStreams = structure('ListStreamsInput', { Limit: integer(), ExclusiveStartStreamName: string() });

const messages: { readonly [name: string]: (protocol: Protocol) => Uint8Array } = {
  'get-records-output': (protocol) =>
    protocol.encode(getRecords, {
      Records: [
        {
          SequenceNumber: '49543463076570308322303623326179887152428262250726293522',
          ApproximateArrivalTimestamp: 1735689600123,
          Data: Buffer.from('hello'),
          PartitionKey: 'Zürich "1"',
        },
        {
          SequenceNumber: '49543463076548007577105092703039560359975228518395019266',
          ApproximateArrivalTimestamp: 1735689601000,
          Data: new Uint8Array(0),
          PartitionKey: 'k',
          EncryptionType: 'KMS',
        },
      ],
      NextShardIterator: 'AAAAAAAAAAE=',
      MillisBehindLatest: 4294967296,
    }),
  'list-streams-input': (protocol) => protocol.encode(listStreams, { Limit: 100 }),
  'resource-not-found': (protocol) =>
    protocol.encodeError(
      new AwsError('ResourceNotFoundException', 'Stream s under account 123456789012 not found.'),
    ),
  'serialization-error': (protocol) =>
    protocol.encodeError(new AwsError('SerializationException', 'Start of list found where not expected')),
  'unreadable-body': (protocol) => protocol.encodeError(new AwsError('SerializationException', '')),
};

const { MILLRACE_GOLDEN: mode } = process.env;

for (const [name, encode] of Object.entries(messages)) {
  for (const protocol of [jsonProtocol, cborProtocol]) {
    const isJson = protocol === jsonProtocol;
    const file = new URL(`../golden/${name}.${isJson ? 'json.txt' : 'cbor.txt'}`, import.meta.url);
    test(`the bytes of ${name}, ${protocol.contentType}`, () => {
      const bytes = `${Buffer.from(encode(protocol)).toString(isJson ? 'utf8' : 'hex')}\n`;
      if (mode === 'write') writeFileSync(file, bytes);
      assert.ok(existsSync(file), `${file.pathname} is there`);
      assert.equal(bytes, readFileSync(file, 'utf8'));
    });
  }
}
