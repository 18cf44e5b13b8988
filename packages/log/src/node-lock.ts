/**
 * A directory held by one process at a time, and let go by the kernel when that dies: a listening Unix socket, whose
 * name is in the directory. Whoever connects to it learns whether its owner lives, whatever became of process ids.
 *
 *      lock.new-1234-9f3c…   a taker's own socket, listening before it has any other name
 *      lock.7                a link to the socket of the holder, or of a dead one
 *
 *      take:  listen on lock.new-…
 *             look at every lock.N: does one answer?          ──▶ locked
 *             link lock.new-… to lock.(highest N + 1)         exists already ──▶ look again
 *             look at every other lock.N again: does one answer?  ──▶ give up the link, look again
 *             remove the dead ones and lock.new-…             ──▶ held
 *
 * Invariant: at most one process holds. Every holder had linked its name before it looked for others the last time;
 * of two, the later to link would have seen the earlier one answer. Linking is atomic and never replaces a name, so
 * of any number of takers of one stale lock exactly one gets the next number, and all others then see it answer.
 *
 * Who connects is told a line, which the holder chose: how it can be reached. A lock that says so is never out of date,
 * as a file would be, and says it only to those who may open what is in the directory.
 *
 * On Windows it is a named pipe, made from a hash of the path: the system allows one server a name and removes it
 * with its process.
 */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DiskError, type DiskLock } from './disk.js';

const heldPattern = /^lock\.(\d+)$/;
const newPrefix = 'lock.new-';
/** The kernel's limit is 108 bytes (Linux) or 104 (macOS), with a zero at the end. */
const socketPathBytesMax = 100;
/** How long the holder of a lock may take to say who it is, and how much it may say. */
const introductionMsMax = 2_000;
const introductionCharsMax = 65_536;
/** Two takers that see each other both give way; they do so at most this often. */
const attemptsMax = 16;

/** What is told to whoever connects: a line, or nothing. */
export type Introduction = () => string;

export function isLockName(name: string): boolean {
  return heldPattern.test(name) || name.startsWith(newPrefix);
}

/** Takes `directory`; throws `DiskError` code `locked` when a living process has it. */
export async function takeLock(directory: string, introduction: Introduction): Promise<DiskLock> {
  return process.platform === 'win32'
    ? takePipe(directory, introduction)
    : takeSocket(directory, introduction);
}

/** What the holder of `directory` says of itself; undefined when nobody has it. Changes nothing in it. */
export async function askLockHolder(directory: string): Promise<string | undefined> {
  if (process.platform === 'win32') return askSocket(pipeOf(directory));
  const room = await socketRoom(directory);
  try {
    for (const number of await numbersIn(directory)) {
      const said = await askSocket(room.path(heldName(number)));
      if (said !== undefined) return said;
    }
    return undefined;
  } finally {
    await room.close();
  }
}

async function takeSocket(directory: string, introduction: Introduction): Promise<DiskLock> {
  const room = await socketRoom(directory);
  const ownName = `${newPrefix}${process.pid}-${randomBytes(8).toString('hex')}`;
  let server: Server | undefined;
  try {
    server = await listen(room.path(ownName), introduction);
    const held = await claim(directory, room, ownName);
    const listening = server;
    return {
      release: async () => {
        await removeIfThere(held);
        await stop(listening);
        await room.close();
      },
    };
  } catch (error) {
    if (server !== undefined) await stop(server);
    await removeIfThere(join(directory, ownName));
    await room.close();
    throw error;
  }
}

/** Gives the own socket the next number, unless another one answers; answers the path of the name that it got. */
async function claim(directory: string, room: SocketRoom, ownName: string): Promise<string> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const before = await numbersIn(directory);
    if (await anyAnswers(room, before)) throw locked(directory);
    const number = Math.max(0, ...before) + 1;
    const path = join(directory, heldName(number));
    if (!(await link(join(directory, ownName), path))) continue;
    const others = (await numbersIn(directory)).filter((other) => other !== number);
    if (await anyAnswers(room, others)) {
      await removeIfThere(path);
      continue;
    }
    for (const other of others) await removeIfThere(join(directory, heldName(other)));
    await removeStaleNames(directory, room, ownName);
    return path;
  }
  throw locked(directory);
}

/** A way to name sockets in a directory whose path may be longer than a socket's name can be. */
interface SocketRoom {
  path(name: string): string;
  close(): Promise<void>;
}

async function socketRoom(directory: string): Promise<SocketRoom> {
  const longest = join(directory, `${newPrefix}${process.pid}-${'0'.repeat(16)}`);
  if (Buffer.byteLength(longest) <= socketPathBytesMax) {
    return { path: (name) => join(directory, name), close: async () => {} };
  }
  if (process.platform !== 'linux') {
    throw new DiskError('io', `${directory} is too long a path for a lock: use a shorter one`);
  }
  const handle = await fs.open(directory, 'r');
  return { path: (name) => `/proc/self/fd/${handle.fd}/${name}`, close: () => handle.close() };
}

async function numbersIn(directory: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await fs.readdir(directory)) {
    const digits = heldPattern.exec(name)?.[1];
    if (digits !== undefined) numbers.push(Number(digits));
  }
  return numbers;
}

async function anyAnswers(room: SocketRoom, numbers: readonly number[]): Promise<boolean> {
  for (const number of numbers) if (await answers(room.path(heldName(number)))) return true;
  return false;
}

/** Whether a living process listens. Any doubt counts as one: a lock that is refused wrongly can be asked again. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.destroy();
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

/** What whoever listens says, as far as it comes; undefined when nobody does. Any doubt counts as somebody. */
function askSocket(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let said = '';
    const done = (answer: string | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(introductionMsMax, () => done(said));
    socket.on('data', (bytes) => {
      said += bytes.toString('utf8');
      if (said.length > introductionCharsMax) done('');
    });
    socket.once('end', () => done(said));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      done(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? undefined : said);
    });
  });
}

function listen(path: string, introduction: Introduction): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      // Whoever only looks whether we live is gone before it is told: nothing is lost by that.
      socket.on('error', () => socket.destroy());
      socket.end(introduction());
    });
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // The lock lives as long as the process, and does not make it live longer.
      server.unref();
      resolve(server);
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function link(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Own names that takers left when they died; and the holder's own, which the link has made needless. */
async function removeStaleNames(directory: string, room: SocketRoom, ownName: string): Promise<void> {
  for (const name of await fs.readdir(directory)) {
    if (!name.startsWith(newPrefix)) continue;
    if (name === ownName || !(await answers(room.path(name)))) await removeIfThere(join(directory, name));
  }
}

function heldName(number: number): string {
  return `lock.${number}`;
}

function locked(directory: string): DiskError {
  return new DiskError('locked', `another process uses ${directory}`);
}

function pipeOf(directory: string): string {
  const hash = createHash('sha256').update(directory.toLowerCase()).digest('hex');
  return `\\\\.\\pipe\\millrace-${hash}`;
}

async function takePipe(directory: string, introduction: Introduction): Promise<DiskLock> {
  try {
    const server = await listen(pipeOf(directory), introduction);
    return { release: () => stop(server) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw locked(directory);
    throw error;
  }
}
