// What a policy's graphs must take and give. One that differs is refused here, by name, and not later by a crash.
import type { ElementType } from '../onnx/element-type.ts';
import type { GraphValue, Session } from '../onnx/session.ts';
import type { PolicyManifest } from './manifest.ts';
import { runLength } from './sample.ts';

export type ModelRole = 'behavior' | 'value';

export interface KvTensor {
  readonly model: ModelRole;
  /** In the model's own graph; the step graph's names begin with the model's. */
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
        model,
        pastName: `past.${layer}.${part}`,
        presentName: `present.${layer}.${part}`,
        heads,
        headSize,
      })),
    ).flat();
  });
}

/** A cache tensor by its names in the step graph. */
export function inStepGraph<Named extends Pick<KvTensor, 'model' | 'pastName' | 'presentName'>>(
  tensor: Named,
): Named {
  const { model, pastName, presentName } = tensor;
  return { ...tensor, pastName: `${model}.${pastName}`, presentName: `${model}.${presentName}` };
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

const combinationInputs: readonly Expected[] = [
  ['beta', 'float32', [null]],
  ['behavior_weight', 'float32', [null]],
  ['ratio', 'float32', [null]],
  ['use_value', 'bool', []],
];

function combinationOutputs(vocabulary: number): Expected[] {
  return [
    ['scores', 'float32', [null, vocabulary]],
    ['behavior_logprobs', 'float32', [null, vocabulary]],
    ['value_probs', 'float32', [null, vocabulary]],
    ['log_normalizer', 'float32', [null]],
    ['kl', 'float32', [null]],
    ['argmax', 'int64', [null]],
  ];
}

type Graph = Pick<Session, 'inputs' | 'outputs'>;

/** Both models and their combination. */
export function checkStepGraph(graph: Graph, manifest: PolicyManifest): void {
  const { past, present } = cacheValues(manifest, kvTensors(manifest).map(inStepGraph));
  checkValues('step.onnx', 'input', graph.inputs, [
    ...tokenInputs(manifest),
    ...combinationInputs,
    ...past,
  ]);
  checkValues('step.onnx', 'output', graph.outputs, [
    ...combinationOutputs(manifest.vocab_size),
    ...present,
  ]);
}

/** One model alone. */
export function checkModelGraph(graph: Graph, role: ModelRole, manifest: PolicyManifest): void {
  const file = `${role}.onnx`;
  const tensors = kvTensors(manifest).filter(({ model }) => model === role);
  const { past, present } = cacheValues(manifest, tensors);
  checkValues(file, 'input', graph.inputs, [...tokenInputs(manifest), ...past]);
  checkValues(file, 'output', graph.outputs, [
    ['logits', 'float32', [null, manifest.vocab_size]],
    ...present,
  ]);
}

/** The combination alone, of both models' logits. */
export function checkCombinationGraph(graph: Graph, { vocab_size }: PolicyManifest): void {
  checkValues('combination.onnx', 'input', graph.inputs, [
    ['behavior_logits', 'float32', [null, vocab_size]],
    ['value_logits', 'float32', [null, vocab_size]],
    ...combinationInputs,
  ]);
  const runs = combinationRuns(vocab_size);
  checkValues('combination.onnx', 'output', graph.outputs, [
    ...combinationOutputs(vocab_size),
    ...(runs === 0 ? [] : [['run_masses', 'float32', [null, runs]] satisfies Expected]),
  ]);
}

/** How many sums of a row the combination gives: none where runs of tokens do not divide the vocabulary. */
export function combinationRuns(vocabularySize: number): number {
  return vocabularySize % runLength === 0 ? vocabularySize / runLength : 0;
}

function tokenInputs({ kv_cache: { block_size: blockSize } }: PolicyManifest): Expected[] {
  const layout = blockSize === undefined ? slotInputs : pagedInputs;
  return [...layout, ['score_index', 'int64', [null]]];
}

function cacheValues(
  { kv_cache: { dtype, block_size: blockSize } }: PolicyManifest,
  tensors: readonly KvTensor[],
) {
  const shape = ({ heads, headSize }: KvTensor) =>
    blockSize === undefined ? [null, heads, null, headSize] : [null, blockSize, heads, headSize];
  return {
    past: tensors.map((tensor): Expected => [tensor.pastName, dtype, shape(tensor)]),
    present: tensors.map((tensor): Expected => [tensor.presentName, dtype, shape(tensor)]),
  };
}

function checkValues(
  file: string,
  kind: 'input' | 'output',
  actual: readonly GraphValue[],
  expected: readonly Expected[],
): void {
  const found = new Map(actual.map((value) => [value.name, value]));
  for (const [name, elementType, shape] of expected) {
    const value = found.get(name);
    if (!value) throw new Error(`${file} has no ${kind} "${name}".`);
    found.delete(name);
    if (value.elementType !== elementType || !fits(value.shape, shape)) {
      throw new Error(
        `${file}'s ${kind} "${name}" is ${describe(value.elementType, value.shape)}: it must be ${describe(elementType, shape)}.`,
      );
    }
  }
  // An output too many is never asked for; an input too many would have no value.
  const [unknown] = found.keys();
  if (kind === 'input' && unknown !== undefined) {
    throw new Error(`${file} has an input "${unknown}" that the server does not know.`);
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
