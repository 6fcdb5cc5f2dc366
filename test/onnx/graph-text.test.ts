import { describe, expect, it } from 'vitest';
import { parseNodes } from '../../src/onnx/graph-text.ts';

describe('parseNodes', () => {
  it("reads lines of ONNX's own text form", () => {
    const text = `
      a, b = Split <axis = 1> (whole)

      least = ReduceMin <axes = [0, 2], keepdims = 0> (a)
      sum = Add (b, least)
    `;
    expect(parseNodes(text)).toEqual([
      { operator: 'Split', inputs: ['whole'], outputs: ['a', 'b'], attributes: { axis: 1 } },
      {
        operator: 'ReduceMin',
        inputs: ['a'],
        outputs: ['least'],
        attributes: { axes: [0, 2], keepdims: 0 },
      },
      { operator: 'Add', inputs: ['b', 'least'], outputs: ['sum'], attributes: {} },
    ]);
  });

  it('refuses a line that is no node', () => {
    expect(() => parseNodes('sum <- a + b')).toThrow('"sum <- a + b" is no node of a graph.');
  });
});
