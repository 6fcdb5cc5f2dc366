import { describe, expect, it } from 'vitest';
import type { GraphValue } from '../../src/onnx/session.ts';
import {
  checkCombinationGraph,
  checkModelGraph,
  checkStepGraph,
  inStepGraph,
  kvTensors,
} from '../../src/policy/graph-contract.ts';
import { readManifest } from '../../src/policy/policy-files.ts';
import { tinyPolicyFolder } from './tiny-policy.ts';

const manifest = readManifest(tinyPolicyFolder);
const vocabulary = manifest.vocab_size;
const cacheShape = [null, 1, null, 16];

const inputs: readonly GraphValue[] = [
  { name: 'input_ids', elementType: 'int64', shape: [null, null] },
  { name: 'seqlens_k', elementType: 'int32', shape: [null] },
  { name: 'total_sequence_length', elementType: 'int32', shape: [] },
  { name: 'score_index', elementType: 'int64', shape: [null] },
  { name: 'beta', elementType: 'float32', shape: [null] },
  { name: 'behavior_weight', elementType: 'float32', shape: [null] },
  { name: 'ratio', elementType: 'float32', shape: [null] },
  { name: 'use_value', elementType: 'bool', shape: [] },
  ...kvTensors(manifest)
    .map(inStepGraph)
    .map(
      ({ pastName }): GraphValue => ({
        name: pastName,
        elementType: 'float32',
        shape: cacheShape,
      }),
    ),
];
const outputs: readonly GraphValue[] = [
  ...['scores', 'behavior_logprobs', 'value_probs'].map(
    (name): GraphValue => ({ name, elementType: 'float32', shape: [null, vocabulary] }),
  ),
  { name: 'log_normalizer', elementType: 'float32', shape: [null] },
  { name: 'kl', elementType: 'float32', shape: [null] },
  { name: 'argmax', elementType: 'int64', shape: [null] },
  ...kvTensors(manifest)
    .map(inStepGraph)
    .map(
      ({ presentName }): GraphValue => ({
        name: presentName,
        elementType: 'float32',
        shape: cacheShape,
      }),
    ),
];

describe('checkStepGraph', () => {
  it('accepts the contract, and outputs beyond it', () => {
    const extra: GraphValue = { name: 'hidden', elementType: 'float32', shape: [null] };
    expect(() => checkStepGraph({ inputs, outputs: [...outputs, extra] }, manifest)).not.toThrow();
  });

  it('names an input that is missing', () => {
    expect(() => checkStepGraph({ inputs: inputs.slice(1), outputs }, manifest)).toThrow(
      'step.onnx has no input "input_ids".',
    );
  });

  it('names an input nobody would fill', () => {
    const extra: GraphValue = { name: 'position_ids', elementType: 'int64', shape: [null] };
    expect(() => checkStepGraph({ inputs: [...inputs, extra], outputs }, manifest)).toThrow(
      'step.onnx has an input "position_ids" that the server does not know.',
    );
  });

  it('refuses a cache length fixed in the graph, which the server must choose', () => {
    const fixed = inputs.map((input) =>
      input.name === 'behavior.past.0.key' ? { ...input, shape: [null, 1, 64, 16] } : input,
    );
    expect(() => checkStepGraph({ inputs: fixed, outputs }, manifest)).toThrow(
      'step.onnx\'s input "behavior.past.0.key" is float32 [?, 1, 64, 16]: it must be float32 [?, 1, ?, 16].',
    );
  });

  it('refuses another element type', () => {
    const half = outputs.map((output) =>
      output.name === 'kl' ? { ...output, elementType: 'float16' as const } : output,
    );
    expect(() => checkStepGraph({ inputs, outputs: half }, manifest)).toThrow(
      'step.onnx\'s output "kl" is float16 [?]: it must be float32 [?].',
    );
  });
});

describe('the graphs of a policy whose models run side by side', () => {
  const isOfModels = ({ name }: GraphValue) =>
    ['input_ids', 'seqlens_k', 'total_sequence_length', 'score_index'].includes(name);
  const cacheOf = (name: 'pastName' | 'presentName') =>
    kvTensors(manifest)
      .filter(({ model }) => model === 'value')
      .map((tensor): GraphValue => {
        return { name: tensor[name], elementType: 'float32', shape: cacheShape };
      });
  const logits = (name: string): GraphValue => {
    return { name, elementType: 'float32', shape: [null, vocabulary] };
  };
  const model = {
    inputs: [...inputs.filter(isOfModels), ...cacheOf('pastName')],
    outputs: [logits('logits'), ...cacheOf('presentName')],
  };
  const combination = {
    inputs: [
      ...inputs.filter(({ name }) => /^(beta|behavior_weight|ratio|use_value)$/.test(name)),
      logits('behavior_logits'),
      logits('value_logits'),
    ],
    outputs: outputs.filter(({ name }) => !name.includes('present')),
  };

  it('are accepted as the contract has them', () => {
    expect(() => checkModelGraph(model, 'value', manifest)).not.toThrow();
    expect(() => checkCombinationGraph(combination, manifest)).not.toThrow();
  });

  it('are named where they lack something', () => {
    expect(() => checkModelGraph({ ...model, outputs: [] }, 'value', manifest)).toThrow(
      'value.onnx has no output "logits".',
    );
    expect(() => checkCombinationGraph({ ...combination, inputs: [] }, manifest)).toThrow(
      'combination.onnx has no input "behavior_logits".',
    );
  });
});
