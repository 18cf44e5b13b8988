// The published packages, as tarballs, and what they make when they are installed:
//
//   node scripts/pack.mjs DIR                  packs `millrace` and every package of ours that it needs into DIR
//   node scripts/pack.mjs DIR --install APP    and installs them into APP, as npm would from its registry
//
// Needs a build. Nothing is compiled at an install, and no script of any package runs.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './setup.mjs';

/** `millrace` and, before it, all that it needs of ours, in the order in which they can be published. */
export function publishedPackages() {
  const folders = new Map(
    readdirSync(path.join(root, 'packages')).map((folder) => {
      const manifest = JSON.parse(readFileSync(path.join(root, 'packages', folder, 'package.json'), 'utf8'));
      return [manifest.name, { folder, manifest }];
    }),
  );
  const found = new Map();
  const visit = (name) => {
    const entry = folders.get(name);
    if (entry === undefined || found.has(name)) return;
    for (const needed of Object.keys(entry.manifest.dependencies ?? {})) visit(needed);
    found.set(name, entry);
  };
  visit('millrace');
  return [...found.values()];
}

/** Packs them into `into` and answers the tarballs' paths. */
export function packAll(into) {
  mkdirSync(into, { recursive: true });
  const names = publishedPackages().map(({ folder }) => {
    const home = path.join(root, 'packages', folder);
    removeStale(home);
    // npm takes a licence from the package's own folder alone.
    copyFileSync(path.join(root, 'LICENSE'), path.join(home, 'LICENSE'));
    const said = npm(home, ['pack', '--json', '--pack-destination', path.resolve(into)]);
    return JSON.parse(said)[0].filename;
  });
  return names.map((name) => path.resolve(into, name));
}

/** Installs tarballs into `app`, which is made; no script of any package runs. */
export function installInto(app, tarballs) {
  mkdirSync(app, { recursive: true });
  writeFileSync(path.join(app, 'package.json'), '{ "private": true }\n');
  npm(app, [
    'install',
    '--ignore-scripts',
    '--omit=dev',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    ...tarballs,
  ]);
}

/** Bytes of all files under `folder`. */
export function bytesUnder(folder) {
  const { stdout } = spawnSync('du', ['-sk', '--apparent-size', folder], { encoding: 'utf8' });
  return Number(stdout.split('\t')[0]) * 1024;
}

/** The compiler leaves the output of sources that are gone; it must not be published. */
function removeStale(home) {
  const dist = path.join(home, 'dist');
  for (const file of readdirSync(dist, { recursive: true })) {
    const [, stem] = /^(.*?)(?:\.d)?\.(?:js|ts)(?:\.map)?$/.exec(file) ?? [];
    if (stem !== undefined && !existsSync(path.join(home, 'src', `${stem}.ts`)))
      rmSync(path.join(dist, file));
  }
}

function npm(cwd, args) {
  const { status, stdout, stderr, error } = spawnSync('npm', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    // Not the settings of the npm that may have started us.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  });
  if (status === 0) return stdout;
  throw new Error(`npm ${args[0]} failed: ${error?.message ?? stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [into, flag, app] = process.argv.slice(2);
  if (into === undefined || (flag !== undefined && (flag !== '--install' || app === undefined))) {
    console.error('usage: node scripts/pack.mjs DIR [--install APP]');
    process.exit(2);
  }
  const tarballs = packAll(into);
  for (const tarball of tarballs) console.log(tarball);
  if (app !== undefined) {
    installInto(app, tarballs);
    console.log(`${app}: ${(bytesUnder(path.join(app, 'node_modules')) / 1e6).toFixed(1)} MB installed`);
  }
}
