import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { attendInOnePiece } from '../../src/onnx/attention.ts';

/** What ONNX Runtime sees, beneath Node. */
const getenv: (name: string) => string | null = koffi
  .load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6')
  .func('getenv', 'str', ['str']);

describe('attendInOnePiece', () => {
  it.each([
    [true, '1'],
    [false, '0'],
  ])('tells ONNX Runtime: %s', (inOnePiece, value) => {
    attendInOnePiece(inOnePiece);
    expect(getenv('ORT_GQA_DISABLE_FLASH_ATTENTION')).toBe(value);
  });
});
