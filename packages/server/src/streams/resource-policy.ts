/**
 * Resource policies: IAM's JSON, checked for what makes it one for this stream and kept as it was given. Nobody is let
 * in or kept out by it: signatures are not verified, so there is nobody to tell apart (decision 0005).
 *
 *      policy    = { Version?, Id?, Statement: statement | [statement …] }
 *      statement = { Sid?, Effect: Allow | Deny, Principal | NotPrincipal, Action | NotAction, Resource, Condition? }
 */
import type { Json, JsonObject } from '../catalog/catalog-record.js';
import * as controlErrors from './control-errors.js';
import { policyBytesMax } from './limits.js';

const versions = ['2012-10-17', '2008-10-17'];
const statementMembers = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'Condition',
]);

/** Throws what AWS answers to a policy that is none for the stream with this ARN. */
export function checkPolicy(policy: string, arn: string): void {
  if (Buffer.byteLength(policy, 'utf8') > policyBytesMax) throw controlErrors.policyTooLarge();
  const wrong = faultOf(parsed(policy), arn);
  if (wrong !== undefined) throw controlErrors.policyMalformed(wrong);
}

function parsed(policy: string): Json {
  try {
    return JSON.parse(policy) as Json;
  } catch (error) {
    // The parser's own words are those of the runtime, and change with it.
    if (!(error instanceof SyntaxError)) throw error;
    throw controlErrors.policyMalformed('it is not JSON.');
  }
}

function faultOf(policy: Json, arn: string): string | undefined {
  if (!isObject(policy)) return 'it is not an object.';
  const { Version: version, Statement: statement } = policy;
  if (version !== undefined && !versions.some((known) => known === version))
    return `Version must be one of ${versions.join(', ')}.`;
  const statements = Array.isArray(statement) ? statement : [statement];
  if (statement === undefined || statements.length === 0) return 'it has no Statement.';
  for (const each of statements) {
    const wrong = statementFault(each, arn);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function statementFault(statement: Json | undefined, arn: string): string | undefined {
  if (statement === undefined || !isObject(statement)) return 'a Statement is not an object.';
  const unknown = Object.keys(statement).find((member) => !statementMembers.has(member));
  if (unknown !== undefined) return `a Statement has no member ${JSON.stringify(unknown)}.`;
  const { NotPrincipal: others, NotAction: otherActions, Resource: resource } = statement;
  const { Effect: effect, Principal: principal = others, Action: action = otherActions } = statement;
  if (effect !== 'Allow' && effect !== 'Deny') return 'Effect must be Allow or Deny.';
  if (principal !== '*' && !(principal !== undefined && isObject(principal)))
    return 'a Statement has no Principal: "*", or an object of them.';
  const actions = textsOf(action);
  if (actions === undefined) return 'a Statement has no Action: a text, or a list of them.';
  const foreign = actions.find((each) => each !== '*' && !/^kinesis:[A-Za-z*?]+$/i.test(each));
  if (foreign !== undefined) return `${JSON.stringify(foreign)} is no action of Kinesis.`;
  const resources = textsOf(resource);
  if (resources === undefined) return 'a Statement has no Resource: a text, or a list of them.';
  const other = resources.find((each) => each !== '*' && each !== arn);
  if (other !== undefined)
    return `Resource ${JSON.stringify(other)} is not what the policy is put on, ${arn}.`;
  return undefined;
}

/** One text or a list of some; undefined for everything else. */
function textsOf(json: Json | undefined): readonly string[] | undefined {
  const texts = Array.isArray(json) ? (json as readonly Json[]) : json === undefined ? [] : [json];
  return texts.length > 0 && texts.every((text) => typeof text === 'string') ? texts : undefined;
}

function isObject(json: Json): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
