/** What Linux says of a process: processor time and memory. Undefined where there is no /proc. */
import fs from 'node:fs';

/** The kernel's clock tick, fixed at 100 a second for what /proc shows to programs. */
const TICKS_PER_SECOND = 100;

function read(path) {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** User and system seconds of all threads of a process so far. */
function cpuSeconds(pid) {
  // The second field, the command in brackets, may hold spaces: counting starts behind it.
  const fields = read(`/proc/${pid}/stat`)?.split(') ')[1]?.split(' ');
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Seconds that all cores together were not idle so far: what neither server nor generator spent, others did. */
function machineSeconds() {
  // cpu user nice system idle iowait irq softirq steal …
  const fields = read('/proc/stat')?.split('\n')[0]?.split(/ +/).map(Number);
  if (fields === undefined) return undefined;
  return (fields[1] + fields[2] + fields[3] + fields[6] + fields[7] + fields[8]) / TICKS_PER_SECOND;
}

/** Resident memory in MB (10⁶ bytes). */
export function residentMb(pid) {
  const line = /VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`) ?? '');
  return line === null ? undefined : (Number(line[1]) * 1024) / 1e6;
}

export function loadAverage() {
  return Number(read('/proc/loadavg')?.split(' ')[0] ?? Number.NaN);
}

/**
 * Begins to meter the server with process id `pid`, this process, and all others. What it answers tells the shares
 * since then, each of one core; `othersBusy` is the noise of whatever was measured meanwhile.
 */
export function meter(pid) {
  const mark = () => ({
    at: performance.now(),
    own: process.cpuUsage(),
    server: cpuSeconds(pid),
    machine: machineSeconds(),
  });
  const from = mark();
  return () => {
    const to = mark();
    const seconds = (to.at - from.at) / 1000;
    const own = (to.own.user + to.own.system - from.own.user - from.own.system) / 1e6;
    if (from.server === undefined || to.server === undefined)
      return { seconds, generatorBusy: own / seconds };
    const server = to.server - from.server;
    return {
      seconds,
      generatorBusy: own / seconds,
      serverSeconds: server,
      serverBusy: server / seconds,
      othersBusy: (to.machine - from.machine - server - own) / seconds,
    };
  };
}
