import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flight } from './flight.js';
import { flightOf } from './flight.js';
import { differences, expectedCounts, Statistics } from './statistics.js';

const flight = (origin: string, delay: number): Flight => ({
  date: '2001/01/01 00:47',
  delay,
  distance: 100,
  origin,
  destination: 'LAS',
});
const flights = [flight('ORD', 66), flight('DFW', -5), flight('ORD', 14), flight('ATL', 15)];

test('counts flights, minutes and late ones by origin', () => {
  const statistics = new Statistics();
  for (const each of flights) statistics.count(each);
  assert.deepEqual(statistics.counts(), {
    ATL: { flights: 1, delayMinutes: 15, late: 1 },
    DFW: { flights: 1, delayMinutes: -5, late: 0 },
    ORD: { flights: 2, delayMinutes: 80, late: 1 },
  });
  assert.deepEqual(
    statistics.busiest(2).map(([code]) => code),
    ['ORD', 'ATL'],
  );
});

test('what is expected of 1 … n is what counting 1 … n gives, over the end of the file and on', () => {
  for (let last = 0; last <= 11; last++) {
    const statistics = new Statistics();
    for (let n = 1; n <= last; n++) statistics.count(flightOf(n, flights));
    assert.deepEqual(expectedCounts(flights, last), statistics.counts(), `1 … ${last}`);
  }
});

test('a save and a load change nothing, and a difference of one minute is found', () => {
  const counts = expectedCounts(flights, 7);
  const loaded = new Statistics(JSON.parse(JSON.stringify(counts)));
  assert.deepEqual(differences(loaded.counts(), counts), []);
  loaded.count(flight('DFW', 1));
  loaded.count(flight('JFK', 0));
  assert.deepEqual(differences(loaded.counts(), counts), ['DFW', 'JFK']);
});
