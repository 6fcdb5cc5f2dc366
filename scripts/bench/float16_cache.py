"""Time decoding with the KV cache in float16, which the export does not offer for the CPU.

python bench/float16_cache.py out/bench/int8         # from scripts/

One model alone, `behavior.onnx`, since the cost is the cache's. The smallest of many times, in
turns.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.external_data_helper import load_external_data_for_tensor
from step_compare import smallest_seconds

from qsft.export.graph_runner import Chunk

TOKEN = 2


def set_cache_type(model: ModelProto, element_type: int) -> None:
    for value in [*model.graph.input, *model.graph.output]:
        if "past." in value.name or "present." in value.name:
            value.type.tensor_type.elem_type = element_type


def to_float16(model: ModelProto, folder: Path) -> None:
    """Attention as a whole takes one type, so queries are cast to it and results back."""
    nodes = []
    for node in model.graph.node:
        if node.op_type != "GroupQueryAttention":
            nodes.append(node)
            continue
        query, output = node.input[0], node.output[0]
        node.input[0], node.output[0] = f"{query}_half", f"{output}_half"
        nodes += [
            helper.make_node("Cast", [query], [node.input[0]], to=TensorProto.FLOAT16),
            node,
            helper.make_node("Cast", [node.output[0]], [output], to=TensorProto.FLOAT),
        ]
    for table in model.graph.initializer:
        if table.name not in ("cos_cache", "sin_cache"):
            continue
        load_external_data_for_tensor(table, str(folder))
        table.ClearField("data_location")
        table.ClearField("external_data")
        half = numpy_helper.to_array(table).astype(np.float16)
        table.CopyFrom(numpy_helper.from_array(half, table.name))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    set_cache_type(model, TensorProto.FLOAT16)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time decoding with a cache in float16.")
    parser.add_argument("folder", type=Path, help="a policy")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32], help="rows a step")
    parser.add_argument("--past", type=int, nargs="+", default=[128, 960], help="tokens before")
    parser.add_argument("--turns", type=int, default=8, help="steps of each")
    arguments = parser.parse_args()
    original = arguments.folder / "behavior.onnx"
    with tempfile.TemporaryDirectory() as scratch:
        # The weights stay as they are; a graph's lie beside it.
        for weights in arguments.folder.glob("*.data"):
            shutil.copy(weights, scratch)
        model = onnx.load(original, load_external_data=False)
        to_float16(model, arguments.folder)
        graphs = [original, Path(scratch) / "float16.onnx"]
        onnx.save(model, graphs[-1])
        print("| work | float32 | float16 |\n|---|---|---|")
        for batch in arguments.batch:
            for past in arguments.past:
                chunks = [Chunk(past, [TOKEN])] * batch
                times = smallest_seconds(graphs, chunks, range(batch), arguments.turns, 0)
                cells = [f"{t * 1e3:.1f} ms, {t / times[0]:.2f} ×" for t in times]
                print(f"| decode {batch}, {past} before |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
