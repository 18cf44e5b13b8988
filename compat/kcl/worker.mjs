// A worker of a KCL application: a program in another language, whose lines (java/kcl, Lines.java) go into an account.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const stopMsMax = 20_000;

export class Worker {
  #child;
  #stopSignal;
  #said = '';
  /** Shards by what happened to them here: `started`, `ended`, `lost`, … */
  shards = new Map();
  called = new Set();
  /** What it has counted of each key, where it counts. */
  counts = new Map();
  records = 0;

  /** `stopSignal` is for a program that does not look at its stdin. */
  constructor({ program, args, environment = {}, cwd, stopSignal }, account) {
    this.#stopSignal = stopSignal;
    this.#child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stderr.setEncoding('utf8').on('data', (chunk) => {
      this.#said = `${this.#said}${chunk}`.slice(-4096);
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const { event, ...rest } = JSON.parse(line);
      if (event === 'record') {
        this.records += 1;
        account.came(rest);
      } else if (event === 'batch') {
        account.batch(rest);
      } else if (event === 'counted') this.counts.set(rest.key, rest.records);
      else if (event === 'called') this.called.add(rest.operation);
      else this.shards.set(event, [...(this.shards.get(event) ?? []), rest.shard]);
    });
  }

  /** What its log said last. */
  get said() {
    return this.#said;
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Shards to which `event` has happened. */
  having(event) {
    return this.shards.get(event) ?? [];
  }

  /** In good order, by the end of its stdin or by its signal; by force where that takes too long. */
  async stop() {
    if (!this.running) return;
    const ended = once(this.#child, 'exit');
    if (this.#stopSignal === undefined) this.#child.stdin.end();
    else this.#child.kill(this.#stopSignal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMsMax);
    await ended;
    clearTimeout(timer);
  }

  async kill() {
    if (!this.running) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
