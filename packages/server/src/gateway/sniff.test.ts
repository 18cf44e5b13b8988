import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniff, sniffBytesMax } from './sniff.js';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

test('a preface is HTTP/2 when all of it is there, and undecided at every length before', () => {
  for (let length = 0; length < preface.length; length++) {
    assert.equal(sniff(preface.subarray(0, length)), 'more', `after ${length} bytes`);
  }
  assert.equal(sniff(preface), 'http2');
  assert.equal(sniff(Buffer.concat([preface, Buffer.from([0, 0, 0])])), 'http2');
});

test('everything is decided by as many bytes as a preface has', () => {
  for (let length = 1; length <= preface.length; length++) {
    const other = Buffer.from(preface);
    other[length - 1] = 0x7e;
    assert.equal(sniff(other), 'http1');
    assert.equal(sniff(other.subarray(0, length)), 'http1', `after ${length} bytes`);
  }
  assert.equal(sniffBytesMax, preface.length);
});

test('methods that begin as the preface does are HTTP/1.1', () => {
  for (const method of ['POST / HTTP/1.1', 'PROPFIND /', 'PUT /', 'PATCH /', 'GET /', '\r\nPOST /', '\0']) {
    assert.equal(sniff(Buffer.from(method)), 'http1', method);
  }
});

test('a ClientHello is TLS, and its first byte alone is undecided', () => {
  assert.equal(sniff(Buffer.from([0x16])), 'more');
  assert.equal(sniff(Buffer.from([0x16, 0x03, 0x01])), 'tls');
  assert.equal(sniff(Buffer.from([0x16, 0x04])), 'http1');
});
