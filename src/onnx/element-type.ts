// The tensor element types our graphs use, with ONNX Runtime's numbers for them.

export type ElementType =
  | 'float32'
  | 'float64'
  | 'int8'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'float16'
  | 'bfloat16';

/** Values of ONNXTensorElementDataType. */
const codes: Record<ElementType, number> = {
  float32: 1,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

const byteSizes: Record<ElementType, number> = {
  float32: 4,
  float64: 8,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  bfloat16: 2,
};

export function elementCode(type: ElementType): number {
  return codes[type];
}

export function elementBytes(type: ElementType): number {
  return byteSizes[type];
}

/** Null for a type no step graph has. */
export function elementTypeOf(code: number): ElementType | null {
  for (const type of Object.keys(codes) as ElementType[]) {
    if (codes[type] === code) return type;
  }
  return null;
}
