// A graph of Identity nodes: `from.N` in, `to.N` out, of any shape. Run with bound tensors it copies them all where they
// lie, in one run.
import type { ElementType } from './element-type.ts';
import { graphBytes } from './graph-bytes.ts';

export function copySourceName(index: number): string {
  return `from.${index}`;
}

export function copyTargetName(index: number): string {
  return `to.${index}`;
}

/** The bytes of an ONNX model with one Identity for each element type given. */
export function identityGraph(elementTypes: readonly ElementType[]): Uint8Array {
  const named = (name: (index: number) => string): Record<string, ElementType> =>
    Object.fromEntries(elementTypes.map((type, index) => [name(index), type]));
  return graphBytes({
    name: 'copy',
    inputs: named(copySourceName),
    outputs: named(copyTargetName),
    constants: {},
    nodes: elementTypes.map((_, index) => ({
      operator: 'Identity',
      inputs: [copySourceName(index)],
      outputs: [copyTargetName(index)],
    })),
  });
}
