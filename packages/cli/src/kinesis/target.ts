/**
 * Where the commands' calls go and in whose name, from flags and the variables that AWS's own clients read:
 *
 *      --endpoint  >  AWS_ENDPOINT_URL_KINESIS  >  AWS_ENDPOINT_URL  >  http://127.0.0.1:MILLRACE_PORT  >  …:4567
 *      --region    >  AWS_REGION  >  AWS_DEFAULT_REGION  >  us-east-1
 *      --account   >  AWS_ACCESS_KEY_ID where it is twelve digits  >  the server's default account
 */
import type { Arguments, Option } from '../arguments.js';
import type { Host } from '../host.js';
import { UsageError } from '../usage-error.js';

export interface Target {
  readonly endpoint: URL;
  readonly region: string;
  /** The access key id that stands for the account. */
  readonly accessKeyId: string;
}

const here = 'http://127.0.0.1';
const defaultPort = '4567';
const defaultEndpoint = `${here}:${defaultPort}`;
const defaultRegion = 'us-east-1';
const defaultAccessKeyId = 'millrace';
const accountPattern = /^\d{12}$/;

export const targetOptions: readonly Option[] = [
  {
    name: 'endpoint',
    value: 'URL',
    text: `the server (default ${defaultEndpoint}) [AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL; MILLRACE_PORT]`,
  },
  {
    name: 'region',
    value: 'R',
    text: `the region (default ${defaultRegion}) [AWS_REGION, AWS_DEFAULT_REGION]`,
  },
  {
    name: 'account',
    value: 'ID',
    text: 'the account, 12 digits (default: the server’s) [AWS_ACCESS_KEY_ID]',
  },
];

export function targetOf(given: Arguments, host: Host): Target {
  const { environment } = host;
  const variable = (...names: readonly string[]): string | undefined =>
    names.map((name) => environment[name]).find((value) => value !== undefined && value !== '');
  const account = given.text('account');
  if (account !== undefined && !accountPattern.test(account)) {
    throw new UsageError(`--account is '${account}'; give twelve digits`);
  }
  return {
    // Where a container's port is moved, its health check goes along.
    endpoint: endpointOf(
      given.text('endpoint') ??
        variable('AWS_ENDPOINT_URL_KINESIS', 'AWS_ENDPOINT_URL') ??
        `${here}:${portOf(variable('MILLRACE_PORT'))}`,
    ),
    region: given.text('region') ?? variable('AWS_REGION', 'AWS_DEFAULT_REGION') ?? defaultRegion,
    accessKeyId: account ?? accountOf(environment) ?? defaultAccessKeyId,
  };
}

/** 0 lets a server pick a port, and says nothing of which. */
function portOf(text: string | undefined): string {
  return text === undefined || text === '0' ? defaultPort : text;
}

/** A real key of AWS names nobody here, and is not sent about. */
function accountOf(environment: Host['environment']): string | undefined {
  const { AWS_ACCESS_KEY_ID: key } = environment;
  return key !== undefined && accountPattern.test(key) ? key : undefined;
}

export function endpointOf(text: string): URL {
  // `localhost:4567` alone would be read as a scheme.
  const spelled = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(spelled) ? new URL(spelled) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`'${text}' is no endpoint; give a URL, as ${defaultEndpoint}`);
  }
  if (/(^|\.)amazonaws\.com(\.cn)?$/.test(url.hostname)) {
    throw new UsageError(
      `${url.host} is AWS itself, and these commands do not sign their calls: use the AWS CLI there`,
    );
  }
  return url;
}
