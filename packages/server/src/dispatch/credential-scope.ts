/**
 * Whose request it is and for which region, from the credential of its signature:
 *
 *      Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/kinesis/aws4_request, SignedHeaders=…
 *      ?X-Amz-Credential=AKID%2F20261121%2Feu-west-1%2Fkinesis%2Faws4_request
 *
 * The signature itself is not looked at, and none is asked for. An access key id of 12 digits is the account, as
 * other emulators have it too; every other key, and none, stands for `defaultAccount`.
 */
export interface CredentialScope {
  readonly account: string;
  readonly region: string;
}

const defaultAccount = '123456789012';
const defaultRegion = 'us-east-1';
const defaultScope: CredentialScope = { account: defaultAccount, region: defaultRegion };

export function credentialScope(authorization: string | undefined, path: string): CredentialScope {
  const credential = credentialOf(authorization) ?? presignedCredential(path);
  if (credential === undefined) return defaultScope;
  let scope = recent.get(credential);
  if (scope === undefined) {
    scope = scopeOf(credential);
    if (recent.size === recentMax) recent.clear();
    recent.set(credential, scope);
  }
  return scope;
}

/** A client sends the same credential all day long. */
const recent = new Map<string, CredentialScope>();
const recentMax = 256;

function scopeOf(credential: string): CredentialScope {
  const [accessKey = '', , region = ''] = credential.split('/');
  return {
    account: /^\d{12}$/.test(accessKey) ? accessKey : defaultAccount,
    region: /^[a-z]{2,}(-[a-z]+)+-\d{1,2}$/.test(region) ? region : defaultRegion,
  };
}

function credentialOf(authorization: string | undefined): string | undefined {
  const label = 'Credential=';
  const start = authorization?.indexOf(label) ?? -1;
  if (authorization === undefined || start < 0) return undefined;
  const from = start + label.length;
  return authorization.slice(from, endOf(authorization, from));
}

/** Where the credential ends that begins at `from`: at a comma, a space or the end. */
function endOf(authorization: string, from: number): number {
  const comma = authorization.indexOf(',', from);
  const end = comma < 0 ? authorization.length : comma;
  const space = authorization.indexOf(' ', from);
  return space < 0 ? end : Math.min(space, end);
}

function presignedCredential(path: string): string | undefined {
  const query = path.indexOf('?');
  if (query < 0) return undefined;
  return new URLSearchParams(path.slice(query + 1)).get('X-Amz-Credential') ?? undefined;
}
