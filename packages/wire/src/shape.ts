/**
 * Shapes: what AWS's service models say of members, as data. Everything that depends on them (types, decoding,
 * validation and its exact messages, encoding) is written once against this file; an operation only declares.
 *
 *      structure('PutRecordInput', { StreamName: string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' }),
 *                                    Data: required(blob({ max: 10485760 })), … })
 *
 * In values, a blob is a `Uint8Array`, a timestamp is a number of milliseconds since the Unix epoch, and a long is a
 * number (none of AWS's longs here passes 2^53).
 */
export interface StringShape<E extends string = string> {
  readonly kind: 'string';
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** In Java's syntax, as the model prints it; it must match the whole value. */
  readonly pattern?: string | undefined;
  readonly values?: readonly E[] | undefined;
}

export interface NumberShape {
  readonly kind: 'integer' | 'long' | 'double';
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface BooleanShape {
  readonly kind: 'boolean';
}

export interface TimestampShape {
  readonly kind: 'timestamp';
}

export interface BlobShape {
  readonly kind: 'blob';
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface ListShape<S extends Shape = Shape> {
  readonly kind: 'list';
  readonly member: S;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface MapShape<S extends Shape = Shape> {
  readonly kind: 'map';
  readonly key: StringShape;
  readonly value: S;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface StructureShape<M extends Members = Members> {
  readonly kind: 'structure';
  /** The model's name of it, as serialization errors print it. */
  readonly name: string;
  readonly members: M;
}

export type Shape =
  | StringShape
  | NumberShape
  | BooleanShape
  | TimestampShape
  | BlobShape
  | ListShape
  | MapShape
  | StructureShape;

export interface RequiredMember<S extends Shape = Shape> {
  readonly required: true;
  readonly shape: S;
}

export type Members = { readonly [name: string]: Shape | RequiredMember };

/** The value that a shape describes. */
export type ValueOf<S> =
  S extends RequiredMember<infer R>
    ? ValueOf<R>
    : S extends StringShape<infer E>
      ? E
      : S extends NumberShape | TimestampShape
        ? number
        : S extends BooleanShape
          ? boolean
          : S extends BlobShape
            ? Uint8Array
            : S extends ListShape<infer L>
              ? readonly ValueOf<L>[]
              : S extends MapShape<infer V>
                ? { readonly [key: string]: ValueOf<V> }
                : S extends StructureShape<infer M>
                  ? StructureValue<M>
                  : never;

type StructureValue<M extends Members> = {
  readonly [K in keyof M as M[K] extends RequiredMember ? K : never]: ValueOf<M[K]>;
} & {
  readonly [K in keyof M as M[K] extends RequiredMember ? never : K]?: ValueOf<M[K]> | undefined;
};

interface Length {
  readonly min?: number;
  readonly max?: number;
}

export function string<const E extends string = string>(
  constraints: Length & { readonly pattern?: string; readonly values?: readonly E[] } = {},
): StringShape<E> {
  return { kind: 'string', ...constraints };
}

/** A string that is one of `values`, in the model's order (validation prints them so). */
export function enumeration<const E extends string>(...values: readonly E[]): StringShape<E> {
  return { kind: 'string', values };
}

export function integer(range: Length = {}): NumberShape {
  return { kind: 'integer', ...range };
}

export function long(range: Length = {}): NumberShape {
  return { kind: 'long', ...range };
}

export function double(range: Length = {}): NumberShape {
  return { kind: 'double', ...range };
}

export const boolean: BooleanShape = { kind: 'boolean' };

export const timestamp: TimestampShape = { kind: 'timestamp' };

export function blob(length: Length = {}): BlobShape {
  return { kind: 'blob', ...length };
}

export function list<S extends Shape>(member: S, length: Length = {}): ListShape<S> {
  return { kind: 'list', member, ...length };
}

export function map<S extends Shape>(key: StringShape, value: S, length: Length = {}): MapShape<S> {
  return { kind: 'map', key, value, ...length };
}

export function structure<M extends Members>(name: string, members: M): StructureShape<M> {
  return { kind: 'structure', name, members };
}

/** Marks a member that must be present. */
export function required<S extends Shape>(shape: S): RequiredMember<S> {
  return { required: true, shape };
}

/** The shape of a member, required or not. */
export function memberShape(member: Shape | RequiredMember): Shape {
  return 'required' in member ? member.shape : member;
}
