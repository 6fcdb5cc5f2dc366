import { describe, expect, it } from 'vitest';
import type { GraphValue } from '../../src/onnx/session.ts';
import { checkGraph, kvTensors } from '../../src/policy/graph-contract.ts';
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
  ...kvTensors(manifest).map(
    ({ pastName }): GraphValue => ({ name: pastName, elementType: 'float32', shape: cacheShape }),
  ),
];
const outputs: readonly GraphValue[] = [
  ...['scores', 'behavior_logprobs', 'value_probs'].map(
    (name): GraphValue => ({ name, elementType: 'float32', shape: [null, vocabulary] }),
  ),
  { name: 'log_normalizer', elementType: 'float32', shape: [null] },
  { name: 'kl', elementType: 'float32', shape: [null] },
  { name: 'argmax', elementType: 'int64', shape: [null] },
  ...kvTensors(manifest).map(
    ({ presentName }): GraphValue => ({
      name: presentName,
      elementType: 'float32',
      shape: cacheShape,
    }),
  ),
];

describe('checkGraph', () => {
  it('accepts the contract, and outputs beyond it', () => {
    const extra: GraphValue = { name: 'hidden', elementType: 'float32', shape: [null] };
    expect(() => checkGraph({ inputs, outputs: [...outputs, extra] }, manifest)).not.toThrow();
  });

  it('names an input that is missing', () => {
    expect(() => checkGraph({ inputs: inputs.slice(1), outputs }, manifest)).toThrow(
      'step.onnx has no input "input_ids".',
    );
  });

  it('names an input nobody would fill', () => {
    const extra: GraphValue = { name: 'position_ids', elementType: 'int64', shape: [null] };
    expect(() => checkGraph({ inputs: [...inputs, extra], outputs }, manifest)).toThrow(
      'step.onnx has an input "position_ids" that the server does not know.',
    );
  });

  it('refuses a cache length fixed in the graph, which the server must choose', () => {
    const fixed = inputs.map((input) =>
      input.name === 'behavior.past.0.key' ? { ...input, shape: [null, 1, 64, 16] } : input,
    );
    expect(() => checkGraph({ inputs: fixed, outputs }, manifest)).toThrow(
      'step.onnx\'s input "behavior.past.0.key" is float32 [?, 1, 64, 16]: it must be float32 [?, 1, ?, 16].',
    );
  });

  it('refuses another element type', () => {
    const half = outputs.map((output) =>
      output.name === 'kl' ? { ...output, elementType: 'float16' as const } : output,
    );
    expect(() => checkGraph({ inputs, outputs: half }, manifest)).toThrow(
      'step.onnx\'s output "kl" is float16 [?]: it must be float32 [?].',
    );
  });
});
