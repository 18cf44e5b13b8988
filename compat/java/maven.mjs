// Builds a project beside this file with Maven, once for each state of its sources, into a folder that git ignores:
//
//      node_modules/.cache/millrace-java/<project>-<hash of what it is built from>/{classes,lib}
//
// What is built is run with small heaps: a JVM takes a quarter of the machine for each of its own unless it is told.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/setup.mjs';

const javaVersionMin = 17;
const buildMsMax = 600_000;
/** What more than one of the projects is built from. */
const shared = 'worker';
const here = path.dirname(fileURLToPath(import.meta.url));

/** How `main` of a project is run, `{ program, args }`, or `{ reason }` where it cannot be built here. */
export function javaProgram(project, main, { properties = {}, flags = [] } = {}) {
  const built = build(project, properties);
  if (built.reason !== undefined) return built;
  const { folder } = built;
  const classPath = [path.join(folder, 'classes'), path.join(folder, 'lib', '*')].join(path.delimiter);
  const own = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  return { program: 'java', folder, args: [...own, ...flags, '-cp', classPath, main] };
}

/** DynamoDB Local, where the KCL keeps its leases, as `javaProgram` answers it. */
export function dynamoDbProgram() {
  const found = javaProgram('dynamodb', 'com.amazonaws.services.dynamodbv2.local.main.ServerRunner');
  if (found.reason !== undefined) return found;
  // Its own flag for where its native library is comes before the class path.
  return { ...found, args: [`-Dsqlite4java.library.path=${found.folder}/lib`, ...found.args] };
}

/** The version of a library that a project was built with, out of the name of its jar. */
export function libraryVersion(folder, library) {
  const jar = readdirSync(path.join(folder, 'lib')).find((name) =>
    new RegExp(`^${library}-[0-9.]+\\.jar$`).test(name),
  );
  return jar?.slice(library.length + 1, -'.jar'.length);
}

function build(project, properties) {
  const tools = toolsReason();
  if (tools !== undefined) return { reason: tools };
  const folder = path.join(
    root,
    'node_modules',
    '.cache',
    'millrace-java',
    `${project}-${stateOf(project, properties)}`,
  );
  if (existsSync(folder)) return { folder };
  // Built beside and renamed, so that one which was cut off leaves nothing half.
  const draft = `${folder}.${process.pid}`;
  mkdirSync(path.dirname(folder), { recursive: true });
  const settings = { ...properties, output: draft };
  const { status, stdout, error } = spawnSync(
    'mvn',
    [
      '--batch-mode',
      '--quiet',
      '--file',
      path.join(here, project, 'pom.xml'),
      ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
      'process-classes',
    ],
    { encoding: 'utf8', timeout: buildMsMax, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    const said = /\[ERROR\] (\S.*)/.exec(stdout ?? '')?.[1] ?? error?.message ?? 'it said nothing';
    return { reason: `Maven could not build compat/java/${project}: ${said}` };
  }
  if (existsSync(folder)) rmSync(draft, { recursive: true, force: true });
  else renameSync(draft, folder);
  return { folder };
}

function toolsReason() {
  const { status, stdout } = spawnSync('javac', ['-version'], { encoding: 'utf8' });
  const [, version = '0'] = /^javac (\d+)/.exec(stdout ?? '') ?? [];
  if (status !== 0 || Number(version) < javaVersionMin) {
    return `there is no JDK of version ${javaVersionMin} or newer on PATH`;
  }
  return spawnSync('mvn', ['--version']).status === 0 ? undefined : 'there is no Maven (`mvn`) on PATH';
}

function stateOf(project, properties) {
  const hash = createHash('sha256').update(JSON.stringify(properties));
  const sources = [project, shared]
    .flatMap((folder) => readdirSync(path.join(here, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  for (const source of sources) hash.update(path.relative(here, source)).update(readFileSync(source));
  return hash.digest('hex').slice(0, 12);
}
