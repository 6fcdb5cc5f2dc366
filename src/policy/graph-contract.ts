// What `step.onnx` must take and give. A graph that differs is refused here, by name, and not later by a crash.
import type { ElementType } from '../onnx/element-type.ts';
import type { GraphValue, Session } from '../onnx/session.ts';
import type { PolicyManifest } from './manifest.ts';

export interface KvTensor {
  readonly pastName: string;
  readonly presentName: string;
  readonly heads: number;
  readonly headSize: number;
}

/** The cache tensors of both models, in the order of their layers. */
export function kvTensors(manifest: PolicyManifest): KvTensor[] {
  return (['behavior', 'value'] as const).flatMap((model) => {
    const { layers, kv_heads: heads, head_dim: headSize } = manifest.kv_cache[model];
    return Array.from({ length: layers }, (_, layer) =>
      ['key', 'value'].map((part) => ({
        pastName: `${model}.past.${layer}.${part}`,
        presentName: `${model}.present.${layer}.${part}`,
        heads,
        headSize,
      })),
    ).flat();
  });
}

/** Null in a shape is a size the server chooses at each run. */
type Expected = readonly [name: string, type: ElementType, shape: readonly (number | null)[]];

const slotInputs: readonly Expected[] = [
  ['input_ids', 'int64', [null, null]],
  ['seqlens_k', 'int32', [null]],
  ['total_sequence_length', 'int32', []],
];

const pagedInputs: readonly Expected[] = [
  ['input_ids', 'int64', [null]],
  ['cumulative_sequence_length', 'int32', [null]],
  ['past_seqlens', 'int32', [null]],
  ['block_table', 'int32', [null, null]],
  ['attention_metadata', 'int32', [3]],
];

export function checkGraph(
  { inputs, outputs }: Pick<Session, 'inputs' | 'outputs'>,
  manifest: PolicyManifest,
): void {
  const { dtype, block_size: blockSize } = manifest.kv_cache;
  const isPaged = blockSize !== undefined;
  const cache = kvTensors(manifest);
  const cacheShape = ({ heads, headSize }: KvTensor) =>
    isPaged ? [null, blockSize, heads, headSize] : [null, heads, null, headSize];
  const vocabulary = manifest.vocab_size;
  checkValues('input', inputs, [
    ...(isPaged ? pagedInputs : slotInputs),
    ['score_index', 'int64', [null]],
    ['beta', 'float32', [null]],
    ['behavior_weight', 'float32', [null]],
    ['ratio', 'float32', [null]],
    ['use_value', 'bool', []],
    ...cache.map((tensor): Expected => [tensor.pastName, dtype, cacheShape(tensor)]),
  ]);
  checkValues('output', outputs, [
    ['scores', 'float32', [null, vocabulary]],
    ['behavior_logprobs', 'float32', [null, vocabulary]],
    ['value_probs', 'float32', [null, vocabulary]],
    ['log_normalizer', 'float32', [null]],
    ['kl', 'float32', [null]],
    ['argmax', 'int64', [null]],
    ...cache.map((tensor): Expected => [tensor.presentName, dtype, cacheShape(tensor)]),
  ]);
}

function checkValues(
  kind: 'input' | 'output',
  actual: readonly GraphValue[],
  expected: readonly Expected[],
): void {
  const found = new Map(actual.map((value) => [value.name, value]));
  for (const [name, elementType, shape] of expected) {
    const value = found.get(name);
    if (!value) throw new Error(`step.onnx has no ${kind} "${name}".`);
    found.delete(name);
    if (value.elementType !== elementType || !fits(value.shape, shape)) {
      throw new Error(
        `step.onnx's ${kind} "${name}" is ${describe(value.elementType, value.shape)}: it must be ${describe(elementType, shape)}.`,
      );
    }
  }
  // An output too many is never asked for; an input too many would have no value.
  const [unknown] = found.keys();
  if (kind === 'input' && unknown !== undefined) {
    throw new Error(`step.onnx has an input "${unknown}" that the server does not know.`);
  }
}

/** A graph may leave open a size that is fixed, never fix one that must be open. */
function fits(actual: GraphValue['shape'], expected: GraphValue['shape']): boolean {
  return (
    actual.length === expected.length &&
    actual.every((size, axis) => size === null || size === expected[axis])
  );
}

function describe(type: ElementType | null, shape: GraphValue['shape']): string {
  return `${type ?? 'of another type'} [${shape.map((size) => size ?? '?').join(', ')}]`;
}
