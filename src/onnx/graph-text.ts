// Reads the nodes of a graph as text, a line each, in the syntax of ONNX's own parser: `y = Concat <axis = 1> (a, b)`.
import type { GraphNode } from './graph-bytes.ts';

const line = /^(?<outputs>[\w, ]+?) = (?<operator>\w+) (?:<(?<attributes>.*)> )?\((?<inputs>.*)\)$/;
const attribute = /(\w+) = (?:\[([\d, ]*)\]|(\d+))/g;

export function parseNodes(text: string): GraphNode[] {
  const lines = text.split('\n').map((written) => written.trim());
  return lines.filter((written) => written !== '').map(parseNode);
}

function parseNode(written: string): GraphNode {
  const {
    outputs = '',
    operator = '',
    attributes = '',
    inputs = '',
  } = line.exec(written)?.groups ?? {};
  if (operator === '') throw new Error(`"${written}" is no node of a graph.`);
  const found = [...attributes.matchAll(attribute)].map(
    ([, name = '', list, single]): [string, number | number[]] => [
      name,
      list === undefined ? Number(single) : names(list).map(Number),
    ],
  );
  return {
    operator,
    inputs: names(inputs),
    outputs: names(outputs),
    attributes: Object.fromEntries(found),
  };
}

function names(list: string): string[] {
  return list.split(', ');
}
