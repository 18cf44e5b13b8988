// The clients, in the order of the table.
import { asyncKinesis } from './async-kinesis.mjs';
import { awsCliV1, awsCliV2 } from './aws-cli.mjs';
import { awsKinesisAgg } from './aws-kinesis-agg.mjs';
import { boto3 } from './boto3.mjs';
import { connect } from './connect.mjs';
import { flinkClients } from './flink.mjs';
import { goSdk } from './go.mjs';
import { javaSdk1, javaSdk2, javaSdk2Async } from './java-sdk.mjs';
import { javascriptHttp1, javascriptHttp2 } from './javascript.mjs';
import { kcl1, kcl2, kcl2FanOut, kcl3, kcl3FanOut } from './kcl.mjs';
import { kpl } from './kpl.mjs';
import { multilangNode, multilangPython } from './multilang.mjs';
import { rustSdk } from './rust.mjs';
import { terraform } from './terraform.mjs';

/**
 * A client: `find()` answers `{ version, program, args, environment? }`, or `{ reason }` where it cannot be had;
 * `scenarios` are those that it has a program for; `heavy`: `--quick` leaves it out.
 */
export const clients = [
  javascriptHttp2,
  javascriptHttp1,
  boto3,
  awsCliV1,
  awsCliV2,
  awsKinesisAgg,
  asyncKinesis,
  goSdk,
  javaSdk2,
  javaSdk2Async,
  javaSdk1,
  kpl,
  rustSdk,
  kcl3,
  kcl3FanOut,
  kcl2,
  kcl2FanOut,
  kcl1,
  connect,
  multilangPython,
  multilangNode,
  terraform,
  ...flinkClients,
];
