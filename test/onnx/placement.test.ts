import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { operatorsOnCpu, recordPlacement } from '../../src/onnx/placement.ts';
import { Runtime } from '../../src/onnx/runtime.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';

describe('operatorsOnCpu', () => {
  it('names what runs on the CPU, in the main graph and in either branch of an If', () => {
    const runtime = new Runtime(null);
    const { api, env } = runtime;
    const options = runtime.own(api.CreateSessionOptions, api.ReleaseSessionOptions);
    recordPlacement(runtime, options);
    const path = join(tinyPolicyFolder, 'step.onnx');
    const session = runtime.own(
      (out) => api.CreateSession(env.pointer, path, options.pointer, out),
      api.ReleaseSession,
    );
    const operators = operatorsOnCpu(runtime, session.pointer);
    // Of the behavior model; of the combination, in one branch; of what stands for the value model, in the other.
    expect(operators).toEqual(expect.arrayContaining(['If', 'ArgMax', 'Div', 'ConstantOfShape']));
    expect(new Set(operators).size).toBe(operators.length);
    for (const owner of [session, options, runtime]) owner.release();
  });
});
