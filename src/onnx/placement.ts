// On which of its devices ONNX Runtime placed the operators of a graph, those in the branches of an `If` included.
import koffi from 'koffi';
import type { OutWord, Pointer, Status } from './api.ts';
import type { Handle, Runtime } from './runtime.ts';

const cpuProvider = 'CPUExecutionProvider';

/** To be asked for before the session is created. */
export function recordPlacement(runtime: Runtime, options: Handle): void {
  const { api } = runtime;
  runtime.check(
    api.AddSessionConfigEntry(options.pointer, 'session.record_ep_graph_assignment_info', '1'),
  );
}

/** The operators that would run on the CPU, each once. */
export function operatorsOnCpu(runtime: Runtime, session: Pointer): string[] {
  const { api } = runtime;
  const parts = readList(runtime, (list, count) =>
    api.Session_GetEpGraphAssignmentInfo(session, list, count),
  );
  const onCpu = parts.filter(
    (part) =>
      readText(runtime, (out) => api.EpAssignedSubgraph_GetEpName(part, out)) === cpuProvider,
  );
  const nodes = onCpu.flatMap((part) =>
    readList(runtime, (list, count) => api.EpAssignedSubgraph_GetNodes(part, list, count)),
  );
  const operators = nodes.map((node) =>
    readText(runtime, (out) => api.EpAssignedNode_GetOperatorType(node, out)),
  );
  return [...new Set(operators)].sort();
}

/** What is lent by the session: nothing to release. */
function readList(runtime: Runtime, call: (list: OutWord, count: OutWord) => Status): Pointer[] {
  const count = new BigUint64Array(1);
  const list = runtime.word((out) => call(out, count));
  const pointerBytes = koffi.sizeof('void *');
  return Array.from({ length: Number(count[0]) }, (_, index) =>
    koffi.decode(list, index * pointerBytes, 'void *'),
  );
}

function readText(runtime: Runtime, call: (out: OutWord) => Status): string {
  return koffi.decode.string(runtime.word(call));
}
