// The Millrace that clients are driven against, and what they are told of it: an endpoint, a region, credentials.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../scripts/setup.mjs';

/**
 * A Millrace on a free port with nothing in it; or on `port`, with what is in `dataDir`. The port takes cleartext and
 * TLS, and the certificate is in a file, as every client wants it.
 */
export async function startMillrace({ dataDir, port = 0 } = {}) {
  const bin = path.join(root, 'packages', 'cli', 'bin', 'millrace.js');
  const keeping = dataDir === undefined ? ['--ephemeral'] : ['--data', dataDir];
  const child = spawn(
    process.execPath,
    [bin, 'serve', '--port', String(port), ...keeping, '--tls', '--log', 'none'],
    {
      env: withoutAws(),
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  for await (const line of createInterface({ input: child.stdout })) {
    const [, authority] = /^Millrace is listening on https:\/\/(\S+)$/.exec(line) ?? [];
    if (authority === undefined) continue;
    const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-compat-'));
    const certificate = path.join(folder, 'certificate.pem');
    const answer = await fetch(`http://${authority}/_millrace/certificate`);
    writeFileSync(certificate, await answer.text());
    /** With SIGKILL it has no time to say anything to its disk or to its clients. */
    const stop = async (signal = 'SIGTERM') => {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
      rmSync(folder, { recursive: true });
    };
    return {
      cleartext: `http://${authority}`,
      tls: `https://${authority}`,
      certificate,
      pid: child.pid,
      stop,
    };
  }
  throw new Error('the server ended before it was ready');
}

/**
 * A Millrace that keeps what it has on a disk, and can be `crash`ed: it is killed with SIGKILL, and is there again, on the
 * same port with the same certificate, when that answers.
 */
export async function startOnDisk() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-compat-data-'));
  const dataDir = path.join(folder, 'data');
  let server = await startMillrace({ dataDir });
  const { cleartext, tls } = server;
  const certificate = path.join(folder, 'certificate.pem');
  copyFileSync(server.certificate, certificate);
  return {
    cleartext,
    tls,
    certificate,
    get pid() {
      return server.pid;
    },
    async crash() {
      await server.stop('SIGKILL');
      server = await startMillrace({ dataDir, port: new URL(cleartext).port });
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** One on a disk, which crashes whenever someone posts to `url`; the answer comes when it is back. */
export async function startCrashing() {
  const server = await startOnDisk();
  const control = createServer(async (_, answer) => {
    try {
      await server.crash();
      answer.end();
    } catch (error) {
      answer.writeHead(500).end(String(error));
    }
  }).listen(0, '127.0.0.1');
  await once(control, 'listening');
  const stop = async () => {
    control.closeAllConnections();
    control.close();
    await server.stop();
  };
  const url = `http://127.0.0.1:${control.address().port}/`;
  return { environment: { COMPAT_CRASHING_ENDPOINT: server.cleartext, COMPAT_CRASH_URL: url }, stop };
}

/** What a client finds in its environment: nothing but this is it told. */
export function clientEnvironment(server) {
  return {
    ...withoutAws(),
    AWS_ENDPOINT_URL: server.cleartext,
    COMPAT_TLS_ENDPOINT: server.tls,
    NODE_EXTRA_CA_CERTS: server.certificate,
    AWS_CA_BUNDLE: server.certificate,
    SSL_CERT_FILE: server.certificate,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'compat',
    AWS_SECRET_ACCESS_KEY: 'compat',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}

/** The machine's own AWS settings must not reach anybody. */
function withoutAws() {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AWS|MILLRACE)_/.test(name));
  return {
    ...Object.fromEntries(kept),
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
}
