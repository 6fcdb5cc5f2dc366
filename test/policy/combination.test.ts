// The combination by tiles against the combination of all positions at once.
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Runtime } from '../../src/onnx/runtime.ts';
import { Session } from '../../src/onnx/session.ts';
import { SideThread } from '../../src/onnx/side-thread.ts';
import { Memory } from '../../src/onnx/tensor.ts';
import { Combination } from '../../src/policy/combination.ts';
import { SlotLengths } from '../../src/policy/slot-lengths.ts';
import { StepInputs } from '../../src/policy/step-inputs.ts';
import { StepOutputs } from '../../src/policy/step-outputs.ts';
import { seededRandom } from '../random.ts';
import {
  largestDifference,
  launchBuiltSideThread,
  policyRow,
  tinyPolicyFolder,
} from './tiny-policy.ts';

const vocabulary = 58;
const positions = 7;
const device = { kind: 'cpu' } as const;

describe('Combination', () => {
  const runtime = new Runtime(null);
  const file = join(tinyPolicyFolder, 'combination.onnx');
  const session = new Session(runtime, file, { device, threads: 1 });
  const memory = new Memory(runtime, device, session);
  const capacity = { sequences: positions, tokens: positions, scored: positions };
  const inputs = new StepInputs(memory, capacity, (own) => new SlotLengths(own, positions));
  const outputs = new StepOutputs(memory, positions, vocabulary);
  const sideThread = new SideThread(runtime, launchBuiltSideThread);
  afterAll(() => {
    for (const owned of [sideThread, outputs, inputs, memory, session, runtime]) owned.release();
  });

  /** Of so many values a tile. */
  function combine(tileValues: number, thread: SideThread | null) {
    const combination = new Combination(session, memory, inputs, outputs, tileValues);
    const random = seededRandom(3);
    const rows = Array.from({ length: positions }, (_, index) =>
      policyRow([4], 0, { beta: index, behaviorWeight: 1, ratio: index % 2 }),
    );
    const shape = inputs.fill({ firstSlot: 0, rows, width: 1, scoring: 'last' });
    for (const model of ['behavior', 'value'] as const) {
      const { tensor } = combination.logitsView(model, shape);
      const logits = new Float32Array(tensor.hostBuffer());
      for (let index = 0; index < logits.length; index++) logits[index] = random.below(1000) / 100;
      tensor.release();
    }
    combination.run(positions, thread);
    combination.release();
    return { scores: take('scores'), values: take('value_probs'), kl: take('kl') };
  }

  /** Leaves nothing of it for the next run to pass as its own. */
  function take(name: 'scores' | 'value_probs' | 'kl'): Float32Array {
    const written = new Float32Array(outputs.tensor(name).hostBuffer());
    const copy = written.slice();
    written.fill(0);
    return copy;
  }

  it('is the same in tiles of any size, on one thread and on two', () => {
    const whole = combine(positions * vocabulary, null);
    for (const tileValues of [1, vocabulary, 2 * vocabulary, 3 * vocabulary, 6 * vocabulary]) {
      for (const thread of [null, sideThread]) {
        const { scores, values, kl } = combine(tileValues, thread);
        expect(scores).toEqual(whole.scores);
        expect(values).toEqual(whole.values);
        // A sum over as many tokens as no vector register holds exactly: its last bit hangs on where the row begins.
        expect(largestDifference(kl, whole.kl)).toBeLessThan(1e-6);
      }
    }
  });
});
