export { AwsError } from './aws-error.js';
export type { Protocol } from './protocol.js';
export type {
  BlobShape,
  BooleanShape,
  ListShape,
  MapShape,
  Members,
  NumberShape,
  RequiredMember,
  Shape,
  StringShape,
  StructureShape,
  TimestampShape,
  ValueOf,
} from './shape.js';
export {
  blob,
  boolean,
  double,
  enumeration,
  integer,
  list,
  long,
  map,
  memberShape,
  required,
  string,
  structure,
  timestamp,
} from './shape.js';
