// Writes an ONNX model of a few nodes, made here, as the bytes that a session is created from.
import { type ElementType, elementCode } from './element-type.ts';

/** Every library of ours reads them, and CUDA's provider has kernels for each operator used, as of this opset. */
const opset = 17;
const irVersion = 8;

/** AttributeProto's types. */
const integerAttribute = 2;
const integersAttribute = 7;

export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface GraphConstant {
  readonly type: 'float32' | 'float64' | 'int64';
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface SmallGraph {
  readonly name: string;
  /** Of any shape. */
  readonly inputs: Readonly<Record<string, ElementType>>;
  readonly outputs: Readonly<Record<string, ElementType>>;
  readonly constants: Readonly<Record<string, GraphConstant>>;
  readonly nodes: readonly GraphNode[];
}

export function graphBytes(graph: SmallGraph): Uint8Array {
  const values = (field: number, types: Readonly<Record<string, ElementType>>): number[][] =>
    Object.entries(types).map(([name, type]) => message(field, [text(1, name), tensorType(type)]));
  const body = [
    ...graph.nodes.map((node) => message(1, nodeFields(node))),
    text(2, graph.name),
    ...Object.entries(graph.constants).map((constant) => message(5, tensorFields(constant))),
    ...values(11, graph.inputs),
    ...values(12, graph.outputs),
  ];
  return Uint8Array.from([
    ...integer(1, irVersion),
    ...message(7, body),
    ...message(8, [integer(2, opset)]),
  ]);
}

function nodeFields({ operator, inputs, outputs, attributes = {} }: GraphNode): number[][] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operator),
    ...Object.entries(attributes).map((attribute) => message(5, attributeFields(attribute))),
  ];
}

function attributeFields([name, value]: [string, number | readonly number[]]): number[][] {
  return typeof value === 'number'
    ? [text(1, name), integer(3, value), integer(20, integerAttribute)]
    : [text(1, name), ...value.map((item) => integer(8, item)), integer(20, integersAttribute)];
}

function tensorFields([name, { type, shape, values }]: [string, GraphConstant]): number[][] {
  return [
    ...shape.map((size) => integer(1, size)),
    integer(2, elementCode(type)),
    text(8, name),
    delimited(9, rawData(type, values)),
  ];
}

function rawData(type: GraphConstant['type'], values: readonly number[]): Uint8Array {
  const typed = {
    float32: () => Float32Array.from(values),
    float64: () => Float64Array.from(values),
    int64: () => BigInt64Array.from(values, BigInt),
  }[type]();
  return new Uint8Array(typed.buffer);
}

/** TypeProto with a tensor of this type and no shape. */
function tensorType(type: ElementType): number[] {
  return message(2, [message(1, [integer(1, elementCode(type))])]);
}

// Protocol buffers' wire format: a tag, then a varint (0) or so many bytes (2). No number here is negative.

function integer(field: number, value: number): number[] {
  return [...varint(field << 3), ...varint(value)];
}

function text(field: number, value: string): number[] {
  return delimited(field, new TextEncoder().encode(value));
}

function message(field: number, parts: readonly (readonly number[])[]): number[] {
  return delimited(field, parts.flat());
}

function delimited(field: number, bytes: readonly number[] | Uint8Array): number[] {
  return [...varint((field << 3) | 2), ...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...varint(value >>> 7)];
}
