/** `millrace demo`: reads its options, starts a server, connects to it, and hands both to the demonstration. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Millrace } from '@millrace/server';
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { runDemo, streamName } from '../demo/demo.js';
import { readFlightsFile } from '../demo/demo-folder.js';
import { parseFlights } from '../demo/flight.js';
import { connect } from '../demo/sdk-stream-client.js';
import { silenceSdkAnnouncement } from '../host.js';
import { stopSignal } from '../stop.js';
import { UsageError } from '../usage-error.js';

const rateDefault = 1_000;
const rateMax = 1_000_000;
const portDefault = 4567;

const options: readonly Option[] = [
  { name: 'once', text: 'end after one pass over the data, with a summary' },
  {
    name: 'rate',
    value: 'N',
    environment: 'MILLRACE_RATE',
    text: `events per second, or max (default ${rateDefault})`,
  },
  {
    name: 'port',
    value: 'N',
    environment: 'MILLRACE_PORT',
    text: `the port to listen on (default ${portDefault}, or the next free one)`,
  },
  {
    name: 'data',
    value: 'DIR',
    environment: 'MILLRACE_DATA',
    text: 'where the data is kept (default ./data; the demonstration’s own in its folder demo)',
  },
  { name: 'plain', text: 'lines instead of the live picture, as where there is no terminal' },
];

export const demo: Command = {
  name: 'demo',
  summary: 'put real flights into a stream, count them on the way out, survive being killed',
  usage: 'demo [options]',
  description: [
    'Starts a server and puts 20,000 real flights into the stream `flights`, over and over under new numbers. A consumer reads all shards and counts every number once, through crashes too: kill it and start it again.',
    'It needs a checkout of Millrace with its development dependencies: `npm start` there runs it.',
  ],
  options,
  async run(host, argv) {
    const given = readArguments('demo', options, argv, host.environment);
    const rate =
      given.text('rate') === 'max' ? undefined : (given.integer('rate', 1, rateMax) ?? rateDefault);
    const port = given.integer('port', 0, 65_535);
    const dataDirectory = path.resolve(host.workingDirectory, given.text('data') ?? 'data');
    const here = path.dirname(fileURLToPath(import.meta.url));
    const json = await readFlightsFile(here);
    if (json === undefined) {
      throw new UsageError(
        'the demonstration needs a checkout of Millrace, whose development dependencies hold the flights (npm package vega-datasets): run `npm start` there',
      );
    }
    const flights = parseFlights(json);
    const stop = stopSignal(host);
    const server = await Millrace.start({
      dataDir: dataDirectory,
      port: port ?? portDefault,
      portFallback: port === undefined,
    });
    try {
      if (port === undefined && server.port !== portDefault) {
        host.errors.write(`Port ${portDefault} is taken; listening on ${server.port}.\n`);
      }
      silenceSdkAnnouncement();
      const client = await connect(server.endpoint, streamName, host.clock);
      try {
        const plain = given.on('plain');
        const settings = {
          endpoint: server.endpoint,
          dataDirectory,
          flights,
          rate,
          once: given.on('once'),
          plain,
        };
        return await runDemo(settings, client, host, stop);
      } catch (error) {
        // Stopped before there was anything to count.
        if (stop.aborted && error === stop.reason) return 0;
        throw error;
      } finally {
        client.close();
      }
    } finally {
      await server.close();
    }
  },
};
