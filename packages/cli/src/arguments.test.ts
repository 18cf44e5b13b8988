import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arguments, Option } from './arguments.js';
import { readArguments } from './arguments.js';
import { UsageError } from './usage-error.js';

const options: readonly Option[] = [
  { name: 'port', value: 'N', environment: 'M_PORT', text: '' },
  { name: 'create', value: 'NAME', repeatable: true, environment: 'M_CREATE', text: '' },
  { name: 'log', value: 'text|json', environment: 'M_LOG', text: '' },
  { name: 'insecure', environment: 'M_INSECURE', text: '' },
];

const read = (argv: readonly string[], environment: Record<string, string> = {}): Arguments =>
  readArguments('serve', options, argv, environment);

test('flags in both forms, switches, and repeats', () => {
  const given = read(['--port', '80', '--create=a:1', '--create', 'b:2', '--insecure']);
  assert.equal(given.integer('port', 0, 65_535), 80);
  assert.deepEqual(given.texts('create'), ['a:1', 'b:2']);
  assert.equal(given.on('insecure'), true);
  assert.equal(given.choice('log', ['text', 'json']), undefined);
});

test('a flag goes before the environment, and each is named in complaints', () => {
  assert.equal(read([], { M_PORT: '81' }).integer('port', 0, 100), 81);
  assert.equal(read(['--port=80'], { M_PORT: '81' }).integer('port', 0, 100), 80);
  assert.equal(read([], { M_PORT: '' }).integer('port', 0, 100), undefined);
  assert.throws(
    () => read([], { M_PORT: 'x' }).integer('port', 0, 100),
    /^UsageError: M_PORT is 'x'; give a whole number from 0 to 100$/,
  );
  assert.throws(() => read(['--port=101']).integer('port', 0, 100), /--port is '101'/);
  assert.throws(
    () => read(['--log=xml']).choice('log', ['text', 'json']),
    /--log is 'xml'; give one of text, json/,
  );
});

test('sizes have a unit, and bounds', () => {
  const size = (text: string): number | undefined => read([`--log=${text}`]).bytes('log', 1024, 2 ** 30);
  assert.equal(size('1kb'), 1024);
  assert.equal(size('96MB'), 96 * 2 ** 20);
  assert.equal(size('1gb'), 2 ** 30);
  for (const wrong of ['0kb', '2gb', '96', '1.5mb', 'mb', '-1mb', '96 mb']) {
    assert.throws(() => size(wrong), /give a size from 1kb to 1gb, as 256mb/);
  }
});

test('switches in the environment are on or off', () => {
  for (const value of ['1', 'true', 'YES', 'on'])
    assert.equal(read([], { M_INSECURE: value }).on('insecure'), true);
  for (const value of ['0', 'false', 'no', ''])
    assert.equal(read([], { M_INSECURE: value }).on('insecure'), false);
  assert.throws(() => read([], { M_INSECURE: 'maybe' }), /M_INSECURE is 'maybe'; set it to 1 or 0/);
});

test('what is not declared is refused, in one line that says what to do', () => {
  for (const [argv, message] of [
    [['--prot', '80'], /^unknown option --prot; did you mean --port\? \(`millrace help serve` lists them\)$/],
    [['--xyzzy'], /^unknown option --xyzzy \(/],
    [['-p', '80'], /^unknown option -p/],
    [['--no-insecure'], /^unknown option --no-insecure/],
    [['--port'], /^--port needs a value: --port N$/],
    [['--port', '--insecure'], /^--port needs a value/],
    [['--insecure=1'], /^--insecure is a switch/],
    [['--port=1', '--port=2'], /^--port is given twice/],
    [['flights'], /^serve takes no argument 'flights'/],
    [['--', 'x'], /^serve takes no argument 'x'/],
  ] as const) {
    assert.throws(
      () => read(argv),
      (error: unknown) =>
        error instanceof UsageError && message.test(error.message) && !error.message.includes('\n'),
      argv.join(' '),
    );
  }
});

test('words without a flag are kept in order, as many as a command takes', () => {
  const given = readArguments('put', options, ['orders', '--port=1', 'a', '--', '--port'], {}, 3);
  assert.deepEqual(given.words, ['orders', 'a', '--port']);
  assert.throws(
    () => readArguments('put', options, ['a', 'b'], {}, 1),
    /^UsageError: put takes no argument 'b'/,
  );
});
