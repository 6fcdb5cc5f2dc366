// A graph of Identity nodes, made here: `from.N` in, `to.N` out, of any shape. Run with bound tensors it copies them all
// where they lie, in one run.
import { type ElementType, elementCode } from './element-type.ts';

/** An opset and a file format that every library of ours reads. */
const opset = 17;
const irVersion = 8;

export function copySourceName(index: number): string {
  return `from.${index}`;
}

export function copyTargetName(index: number): string {
  return `to.${index}`;
}

/** The bytes of an ONNX model with one Identity for each element type given. */
export function identityGraph(elementTypes: readonly ElementType[]): Uint8Array {
  const nodes = elementTypes.map((_, index) =>
    message(1, [
      text(1, copySourceName(index)),
      text(2, copyTargetName(index)),
      text(4, 'Identity'),
    ]),
  );
  const values = (field: number, name: (index: number) => string): number[][] =>
    elementTypes.map((type, index) => message(field, [text(1, name(index)), tensorType(type)]));
  const graph = [
    ...nodes,
    text(2, 'copy'),
    ...values(11, copySourceName),
    ...values(12, copyTargetName),
  ];
  return Uint8Array.from([
    ...integer(1, irVersion),
    ...message(7, graph),
    ...message(8, [integer(2, opset)]),
  ]);
}

/** TypeProto with a tensor of this type and no shape. */
function tensorType(type: ElementType): number[] {
  return message(2, [message(1, [integer(1, elementCode(type))])]);
}

// Protocol buffers' wire format: a tag, then a varint (0) or so many bytes (2).

function integer(field: number, value: number): number[] {
  return [field << 3, ...varint(value)];
}

function text(field: number, value: string): number[] {
  return delimited(field, [...new TextEncoder().encode(value)]);
}

function message(field: number, parts: readonly (readonly number[])[]): number[] {
  return delimited(field, parts.flat());
}

function delimited(field: number, bytes: readonly number[]): number[] {
  return [(field << 3) | 2, ...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...varint(value >>> 7)];
}
