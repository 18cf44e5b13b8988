/**
 * Resource policies: IAM's JSON, checked for what makes it one for this stream and kept as it was given. Nobody is let
 * in or kept out by it: signatures are not verified, so there is nobody to tell apart (decision 0005).
 *
 *      policy    = { Version?, Id?, Statement: statement | [statement …] }
 *      statement = { Sid?, Effect: Allow | Deny, Principal | NotPrincipal, Action | NotAction, Resource, Condition? }
 *      principal = "*" | { AWS: who, Service: who, Federated: who, CanonicalUser: who }       one of them at least
 *      who       = text | [text …]        of AWS: "*", an account, or the ARN of a root, user, role or session
 *      condition = { operator: { key: text | number | boolean | [… …] } }
 *
 * The grammar is IAM's, as its guide has it. That the resource must be the one that the policy is put on, and the actions
 * Kinesis's, is in Kinesis's guide by its examples. What AWS says of each fault is undocumented.
 */
import type { Json, JsonObject } from '../catalog/catalog-record.js';
import * as controlErrors from './control-errors.js';
import { policyBytesMax } from './limits.js';

const versions = ['2012-10-17', '2008-10-17'];
const policyMembers = new Set(['Version', 'Id', 'Statement']);
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
const principalKinds = new Set(['AWS', 'Service', 'Federated', 'CanonicalUser']);
const awsPrincipal =
  /^(\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)\/.+))$/;

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
  const unknown = Object.keys(policy).find((member) => !policyMembers.has(member));
  if (unknown !== undefined) return `it has no member ${JSON.stringify(unknown)}.`;
  const { Version: version, Id: id, Statement: statement } = policy;
  if (id !== undefined && typeof id !== 'string') return 'Id is not a text.';
  if (version !== undefined && !versions.some((known) => known === version))
    return `Version must be one of ${versions.join(', ')}.`;
  const statements = Array.isArray(statement) ? statement : [statement];
  if (statement === undefined || statements.length === 0) return 'it has no Statement.';
  for (const each of statements) {
    const wrong = statementFault(each, arn);
    if (wrong !== undefined) return wrong;
  }
  // Tools write an empty one for a Statement that has none.
  const sids = statements.map(sidOf).filter((sid) => sid !== undefined && sid !== '');
  return new Set(sids).size < sids.length ? 'two Statements have the same Sid.' : undefined;
}

function statementFault(statement: Json | undefined, arn: string): string | undefined {
  if (statement === undefined || !isObject(statement)) return 'a Statement is not an object.';
  const unknown = Object.keys(statement).find((member) => !statementMembers.has(member));
  if (unknown !== undefined) return `a Statement has no member ${JSON.stringify(unknown)}.`;
  const { Sid: sid, Condition: condition, Resource: resource, Effect: effect } = statement;
  if (sid !== undefined && typeof sid !== 'string') return 'Sid is not a text.';
  const { Principal: those, NotPrincipal: others, Action: these, NotAction: otherActions } = statement;
  if (those !== undefined && others !== undefined) return 'a Statement has both Principal and NotPrincipal.';
  if (these !== undefined && otherActions !== undefined) return 'a Statement has both Action and NotAction.';
  const principal = those ?? others;
  const action = these ?? otherActions;
  if (effect !== 'Allow' && effect !== 'Deny') return 'Effect must be Allow or Deny.';
  const whose = principalFault(principal);
  if (whose !== undefined) return whose;
  const actions = textsOf(action);
  if (actions === undefined) return 'a Statement has no Action: a text, or a list of them.';
  const foreign = actions.find((each) => each !== '*' && !/^kinesis:[A-Za-z*?]+$/i.test(each));
  if (foreign !== undefined) return `${JSON.stringify(foreign)} is no action of Kinesis.`;
  const resources = textsOf(resource);
  if (resources === undefined) return 'a Statement has no Resource: a text, or a list of them.';
  const other = resources.find((each) => each !== '*' && each !== arn);
  if (other !== undefined)
    return `Resource ${JSON.stringify(other)} is not what the policy is put on, ${arn}.`;
  return condition === undefined || isCondition(condition)
    ? undefined
    : 'a Condition is not an object of operators, each an object of keys and values.';
}

function sidOf(statement: Json): Json | undefined {
  if (!isObject(statement)) return undefined;
  const { Sid: sid } = statement;
  return sid;
}

function principalFault(principal: Json | undefined): string | undefined {
  if (principal === '*') return undefined;
  if (principal === undefined || !isObject(principal) || Object.keys(principal).length === 0)
    return 'a Statement has no Principal: "*", or an object of them.';
  for (const [kind, who] of Object.entries(principal)) {
    if (!principalKinds.has(kind)) return `there is no kind of Principal ${JSON.stringify(kind)}.`;
    const texts = textsOf(who);
    if (texts === undefined) return `Principal ${kind} is not a text, or a list of them.`;
    const wrong = kind === 'AWS' ? texts.find((text) => !awsPrincipal.test(text)) : undefined;
    if (wrong !== undefined)
      return `Principal ${JSON.stringify(wrong)} is no account, and not the ARN of a root, user, role or session.`;
  }
  return undefined;
}

function isCondition(condition: Json): boolean {
  const isValue = (json: Json): boolean => ['string', 'number', 'boolean'].includes(typeof json);
  return (
    isObject(condition) &&
    Object.values(condition).every(
      (keys) =>
        keys !== undefined &&
        isObject(keys) &&
        Object.values(keys).every((value) =>
          Array.isArray(value)
            ? (value as readonly Json[]).every(isValue)
            : value !== undefined && isValue(value),
        ),
    )
  );
}

/** One text or a list of some; undefined for everything else. */
function textsOf(json: Json | undefined): readonly string[] | undefined {
  const texts = Array.isArray(json) ? (json as readonly Json[]) : json === undefined ? [] : [json];
  return texts.length > 0 && texts.every((text) => typeof text === 'string') ? texts : undefined;
}

function isObject(json: Json): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
