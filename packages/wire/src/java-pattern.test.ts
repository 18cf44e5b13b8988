import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesPattern } from './java-pattern.js';

test('a pattern must match the whole value, every branch of it', () => {
  const hashKey = '0|([1-9]\\d{0,38})';
  for (const good of ['0', '1', '10', '9'.repeat(39)]) assert.ok(matchesPattern(hashKey, good), good);
  for (const bad of ['', '00', '01', 'a', '1a', ' 1', '1\n', '9'.repeat(40)]) {
    assert.ok(!matchesPattern(hashKey, bad), JSON.stringify(bad));
  }
});

test('white space is what Java takes for it', () => {
  const arn = 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+';
  assert.ok(matchesPattern(arn, 'arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a\u00a0b'));
  assert.ok(!matchesPattern(arn, 'arn:aws:kinesis:us-east-1:123456789012:stream/a b'));
  assert.ok(!matchesPattern(arn, 'arn:aws:kinesis:us-east-1:12345678901:stream/a'));
});

test('a pattern that may backtrack is not tried on a value that is refused for its length anyway', () => {
  const arn = 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+';
  assert.ok(matchesPattern(arn, 'x'.repeat(2049)));
  assert.ok(!matchesPattern(arn, 'x'.repeat(2048)));
});

test('a pattern in linear time is tried on a value of any length', () => {
  assert.ok(!matchesPattern('[a-zA-Z0-9_.-]+', `${'a'.repeat(100_000)} `));
  assert.ok(matchesPattern('[a-zA-Z0-9_.+*-]+', '+'.repeat(100_000)));
});

test('classes of Unicode and possessive quantifiers, as the models of other services have them', () => {
  const tag = '^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$';
  assert.ok(matchesPattern(tag, 'Straße 東京 1'));
  assert.ok(!matchesPattern(tag, 'a#b'));
  const arn = 'arn:aws:kinesisanalytics:[a-z]{2}-[a-z]+-\\d{1}+:\\d{12}+:application/[a-zA-Z0-9_.-]{1,128}';
  assert.ok(matchesPattern(arn, 'arn:aws:kinesisanalytics:us-east-1:123456789012:application/a'));
  assert.ok(!matchesPattern(arn, 'arn:aws:kinesisanalytics:us-east-12:123456789012:application/a'));
});
