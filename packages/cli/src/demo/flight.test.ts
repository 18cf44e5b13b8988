import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEvent, encodeEvent, flightOf, parseFlights } from './flight.js';

const flights = parseFlights(
  '[{"date":"2001/01/01 00:47","delay":66,"distance":1750,"origin":"DTW","destination":"LAS"},' +
    '{"date":"2001/01/01 01:10","delay":-9,"distance":83,"origin":"CLT","destination":"GSO"}]',
);

test('an event comes back as it was put', () => {
  const flight = flightOf(20_001, flights);
  assert.equal(flight.origin, 'DTW');
  assert.deepEqual(decodeEvent(encodeEvent('k3v9x2', 20_001, flight)), {
    ...flight,
    series: 'k3v9x2',
    n: 20_001,
  });
});

test('the data loops', () => {
  assert.equal(flightOf(1, flights), flightOf(3, flights));
  assert.equal(flightOf(2, flights), flightOf(4, flights));
});

test('bytes of others are no events, whatever they are', () => {
  const event = JSON.parse(Buffer.from(encodeEvent('s', 1, flightOf(1, flights))).toString());
  const others: unknown[] = [
    null,
    7,
    [],
    {},
    { ...event, n: 0 },
    { ...event, n: 1.5 },
    { ...event, n: '1' },
    { ...event, series: 1 },
    { ...event, origin: '__proto__' },
    { ...event, delay: 'late' },
    { ...event, delay: null },
  ];
  for (const other of others) assert.equal(decodeEvent(Buffer.from(JSON.stringify(other))), undefined);
  assert.equal(decodeEvent(Buffer.from('hello')), undefined);
  assert.equal(decodeEvent(Buffer.from([0xff, 0xfe])), undefined);
  assert.equal(decodeEvent(new Uint8Array(0)), undefined);
});

test('a data file that is none is named', () => {
  assert.throws(() => parseFlights('{}'), /no array of flights/);
  assert.throws(() => parseFlights('[{"date":"2001"}]'), /entry 0 is not a flight/);
});
