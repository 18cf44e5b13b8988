// The face of the AWS SDK for JavaScript over a driver: a program in another language that holds that language's SDK and
// makes with it the calls that it is told. So the scenarios are written once. The lines, one JSON object each:
//
//      to the driver    {"id":1,"client":OPTIONS,"operation":"PutRecord","input":{…}}   call
//                       {"id":1,"cancel":true}                                          leave a subscription
//      from the driver  {"id":1,"answer":{…}}                                           done
//                       {"id":1,"error":{"name":"ResourceNotFoundException","message":"…"}}
//                       {"id":1,"event":{…}}                                            one event of a subscription
//
// OPTIONS are `endpoint`, `region` and `credentials` where they differ from the environment's. A blob is
// {"$bytes":"base64"}, an instant {"$date":milliseconds}.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const waitMs = 50;

/** What the scenarios use: `sdk`, and `clientOf(options)` that makes clients; `called` holds what was answered well. */
export function drivenSdk({ program, args }) {
  const driver = startDriver(program, args);
  const called = new Set();
  const errors = new Map();
  const errorClass = (name) => {
    if (!errors.has(name)) {
      errors.set(
        name,
        class extends Error {
          name = name;
        },
      );
    }
    return errors.get(name);
  };

  function clientOf(options = {}) {
    async function send({ operation, input }) {
      const { error, answer, events } = await driver.call({ client: options, operation, input });
      if (error !== undefined) throw new (errorClass(error.name))(error.message);
      called.add(operation);
      return events === undefined ? answer : { EventStream: events };
    }
    return { send, destroy() {} };
  }

  /** `sdk.PutRecordCommand` and `sdk.ResourceNotFoundException` are there for every operation and every error. */
  const sdk = new Proxy(
    { waitUntilStreamExists: () => {}, waitUntilStreamNotExists },
    {
      get(own, name) {
        if (name in own) return own[name];
        if (!name.endsWith('Command')) return errorClass(name);
        const operation = name.slice(0, -'Command'.length);
        return class {
          operation = operation;
          constructor(input) {
            this.input = input;
          }
        };
      },
    },
  );

  async function waitUntilStreamNotExists({ client }, input) {
    for (;;) {
      try {
        await client.send(new sdk.DescribeStreamSummaryCommand(input));
      } catch (error) {
        if (error instanceof sdk.ResourceNotFoundException) return;
        throw error;
      }
      await sleep(waitMs);
    }
  }

  return { sdk, clientOf, called, stop: driver.stop };
}

function startDriver(program, args) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const calls = new Map();
  let lastId = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, ...rest } = JSON.parse(line, revived);
    calls.get(id)?.(rest);
  });
  child.on('exit', (code) => {
    for (const take of calls.values()) take({ error: { name: 'DriverEnded', message: `with code ${code}` } });
  });
  const say = (line) => child.stdin.write(`${JSON.stringify(line, tagged)}\n`);

  /** The answer, or the error, or for a subscription its events as soon as there is one. */
  function call(what) {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve) => {
      let events;
      calls.set(id, (line) => {
        if (line.event !== undefined && events === undefined) {
          events = eventQueue(() => {
            calls.delete(id);
            say({ id, cancel: true });
          });
          resolve({ events: events.stream() });
        }
        if (line.event !== undefined) return events.push({ SubscribeToShardEvent: line.event });
        calls.delete(id);
        events?.end(line.error);
        return resolve(line);
      });
      say({ id, ...what });
    });
  }

  async function stop() {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
  return { call, stop };
}

/** The events of a subscription, which may be left before they end. */
function eventQueue(leave) {
  const waiting = [];
  let ended = false;
  let failure;
  let wake = () => {};
  return {
    push(event) {
      waiting.push(event);
      wake();
    },
    end(error) {
      ended = true;
      failure = error;
      wake();
    },
    async *stream() {
      try {
        for (;;) {
          while (waiting.length > 0) yield waiting.shift();
          if (failure !== undefined) throw new Error(`${failure.name}: ${failure.message}`);
          if (ended) return;
          await new Promise((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        if (!ended) leave();
      }
    },
  };
}

/** Bytes and dates as the drivers want them; `this` holds the value before its own toJSON was asked. */
function tagged(name, value) {
  const own = this[name];
  if (own instanceof Date) return { $date: own.getTime() };
  if (own instanceof Uint8Array) return { $bytes: Buffer.from(own).toString('base64') };
  return value;
}

function revived(_, value) {
  if (value?.$date !== undefined) return new Date(value.$date);
  if (value?.$bytes !== undefined) return Buffer.from(value.$bytes, 'base64');
  return value;
}
