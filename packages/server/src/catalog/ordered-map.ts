/**
 * An immutable map, ordered by its string keys (by code unit): `set` and `delete` answer a new map that shares all but
 * a path of O(log n) nodes with the old one. A view of the catalog is made of these, so that a command among 10,000
 * streams costs what it costs among ten, and a request keeps its view for nothing.
 *
 * An AVL tree: the heights of a node's sides differ by one at most.
 */
export class OrderedMap<V> implements Iterable<readonly [string, V]> {
  readonly #root: Node<V> | undefined;

  private constructor(root: Node<V> | undefined) {
    this.#root = root;
  }

  static empty<V>(): OrderedMap<V> {
    return new OrderedMap<V>(undefined);
  }

  static from<V>(entries: Iterable<readonly [string, V]>): OrderedMap<V> {
    let map = OrderedMap.empty<V>();
    for (const [key, value] of entries) map = map.set(key, value);
    return map;
  }

  get size(): number {
    return this.#root?.size ?? 0;
  }

  /** Nodes from the root to the deepest leaf: at most 1.44 · log2(size + 2). */
  get height(): number {
    return heightOf(this.#root);
  }

  get(key: string): V | undefined {
    let node = this.#root;
    while (node !== undefined) {
      if (key === node.key) return node.value;
      node = key < node.key ? node.left : node.right;
    }
    return undefined;
  }

  set(key: string, value: V): OrderedMap<V> {
    return new OrderedMap(inserted(this.#root, key, value));
  }

  /** The map without `key`; the same map when it has none. */
  delete(key: string): OrderedMap<V> {
    return this.#has(key) ? new OrderedMap(removed(this.#root, key)) : this;
  }

  /** Entries in order, from the first whose key is not before `from`. */
  *startingAt(from: string): Generator<readonly [string, V]> {
    const above: Node<V>[] = [];
    let node = this.#root;
    while (node !== undefined || above.length > 0) {
      while (node !== undefined) {
        if (node.key >= from) {
          above.push(node);
          node = node.left;
        } else {
          node = node.right;
        }
      }
      const next = above.pop();
      if (next === undefined) return;
      yield [next.key, next.value];
      node = next.right;
    }
  }

  *values(): Generator<V> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): Generator<readonly [string, V]> {
    return this.startingAt('');
  }

  #has(key: string): boolean {
    const first = this.startingAt(key).next();
    return !first.done && first.value[0] === key;
  }
}

interface Node<V> {
  readonly key: string;
  readonly value: V;
  readonly left: Node<V> | undefined;
  readonly right: Node<V> | undefined;
  readonly height: number;
  readonly size: number;
}

type Side<V> = Node<V> | undefined;

const heightOf = <V>(node: Side<V>): number => node?.height ?? 0;
const sizeOf = <V>(node: Side<V>): number => node?.size ?? 0;

function nodeOf<V>(key: string, value: V, left: Side<V>, right: Side<V>): Node<V> {
  return {
    key,
    value,
    left,
    right,
    height: Math.max(heightOf(left), heightOf(right)) + 1,
    size: sizeOf(left) + sizeOf(right) + 1,
  };
}

/** A node over two sides whose heights differ by two at most, turned until they differ by one. */
function balanced<V>(key: string, value: V, left: Side<V>, right: Side<V>): Node<V> {
  if (left !== undefined && left.height > heightOf(right) + 1) {
    if (left.right !== undefined && left.right.height > heightOf(left.left)) {
      const top = left.right;
      return nodeOf(
        top.key,
        top.value,
        nodeOf(left.key, left.value, left.left, top.left),
        nodeOf(key, value, top.right, right),
      );
    }
    return nodeOf(left.key, left.value, left.left, nodeOf(key, value, left.right, right));
  }
  if (right !== undefined && right.height > heightOf(left) + 1) {
    if (right.left !== undefined && right.left.height > heightOf(right.right)) {
      const top = right.left;
      return nodeOf(
        top.key,
        top.value,
        nodeOf(key, value, left, top.left),
        nodeOf(right.key, right.value, top.right, right.right),
      );
    }
    return nodeOf(right.key, right.value, nodeOf(key, value, left, right.left), right.right);
  }
  return nodeOf(key, value, left, right);
}

function inserted<V>(node: Side<V>, key: string, value: V): Node<V> {
  if (node === undefined) return nodeOf(key, value, undefined, undefined);
  if (key === node.key) return nodeOf(key, value, node.left, node.right);
  return key < node.key
    ? balanced(node.key, node.value, inserted(node.left, key, value), node.right)
    : balanced(node.key, node.value, node.left, inserted(node.right, key, value));
}

function removed<V>(node: Side<V>, key: string): Side<V> {
  if (node === undefined) return undefined;
  if (key < node.key) return balanced(node.key, node.value, removed(node.left, key), node.right);
  if (key > node.key) return balanced(node.key, node.value, node.left, removed(node.right, key));
  if (node.left === undefined) return node.right;
  if (node.right === undefined) return node.left;
  let next = node.right;
  while (next.left !== undefined) next = next.left;
  return balanced(next.key, next.value, node.left, removed(node.right, next.key));
}
