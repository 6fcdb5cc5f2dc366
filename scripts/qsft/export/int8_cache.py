"""A KV cache in 8 bits: a pass over finished graphs, plain or twin, with weights in any precision.

Each channel of a head has one scale, taken from what the float32 cache holds after calibration
prompts. Attention rounds a token's keys and values as it writes them, and computes in float32.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx.numpy_helper import from_array

from qsft.export.contract import MODEL_ROLES, STEP_FILE, ModelRole, graph_file, step_cache_name
from qsft.export.graph_runner import Chunk, GraphRunner
from qsft.export.options import ExportError

LEVELS = 127
SMALLEST_SCALE = 1e-8  # of a channel that is always 0
SCALE_INPUTS = 12  # where GroupQueryAttention takes the keys' scales, then the values'
ATTRIBUTES = {"k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL", "kv_cache_bit_width": 8}

Floats = NDArray[np.float32]
Scales = Mapping[str, Floats]  # by the name of the cache's output: (1, kv_heads, 1, head_dim)


def quantize_caches(folder: Path, prompts: Sequence[Sequence[int]]) -> None:
    """Rewrite the three graphs of a folder; the prompts show how large keys and values become."""
    step = onnx.load(folder / STEP_FILE, load_external_data=False)
    for role in MODEL_ROLES:
        path = folder / graph_file(role)
        alone = onnx.load(path, load_external_data=False)
        scales = calibrate(path, alone, prompts)
        set_cache(alone, scales)
        set_cache(step, _in_step(step, role, scales))
        _save(alone, path)
    _save(step, folder / STEP_FILE)


def _in_step(step: ModelProto, role: ModelRole, scales: Scales) -> Scales:
    """By the step graph's names; there a twin's value model has but the last layers."""
    prefix = f"{role}.present."
    kept = {value.name for value in step.graph.output if value.name.startswith(prefix)}
    first = (len(scales) - len(kept)) // 2  # a layer has keys and values
    renamed = {step_cache_name(role, name, first): scale for name, scale in scales.items()}
    return {name: scale for name, scale in renamed.items() if name in kept}


def calibrate(path: Path, model: ModelProto, prompts: Sequence[Sequence[int]]) -> Scales:
    """Of one model alone, whose cache is still in float32 and whose file is at `path`."""
    rotated = {node.output[1]: _rotated_channels(node) for node in _attention(model.graph)}
    runner = GraphRunner(path, slots=1, cache_length=max(map(len, prompts)))
    largest: dict[str, Floats] = {}
    for prompt in prompts:
        runner.run([Chunk(0, prompt)], [len(prompt) - 1], {})
        for past, cache in runner.caches.items():
            name = past.replace("past.", "present.")
            held = cache[0, :, : len(prompt)].astype(np.float32)
            size = _size_at_any_position(held, rotated[name]) if name in rotated else np.abs(held)
            largest[name] = np.maximum(largest.get(name, 0.0), size.max(axis=1))
    return {
        name: np.maximum(size / LEVELS, SMALLEST_SCALE).astype(np.float32)[None, :, None]
        for name, size in largest.items()
    }


def _rotated_channels(node: NodeProto) -> int | None:
    """How many channels of a key turn with its position; None for all."""
    values = {attribute.name: attribute.i for attribute in node.attribute}
    if values.get("rotary_interleaved"):
        raise ExportError(
            "an int8 cache is for keys whose halves turn together, not neighbours"
            f" ({node.name} has rotary_interleaved): leave out --kv-cache int8"
        )
    return values.get("rotary_embedding_dim") or None


def _size_at_any_position(keys: Floats, rotated: int | None) -> Floats:
    """Channels i and i + half turn together: neither can exceed their length, wherever it is."""
    size = np.abs(keys)
    first, second = np.split(keys[..., :rotated], 2, axis=-1)
    size[..., :rotated] = np.tile(np.hypot(first, second), 2)
    return size


def set_cache(model: ModelProto, scales: Scales) -> None:
    """Give the attention nodes that write these caches their scales, and the caches their type."""
    graph = model.graph
    graph.initializer.extend(from_array(scale, _scale_name(n)) for n, scale in scales.items())
    for node in _attention(graph):
        present = node.output[1:3]
        if present[0] not in scales:
            continue
        inputs = [*node.input[:SCALE_INPUTS]]
        inputs += [""] * (SCALE_INPUTS - len(inputs))
        node.input[:] = [*inputs, *map(_scale_name, present)]
        node.attribute.extend(helper.make_attribute(n, v) for n, v in ATTRIBUTES.items())
    caches = {*scales, *(name.replace("present.", "past.") for name in scales)}
    for inner in _graphs(graph):
        for value in (*inner.input, *inner.output, *inner.value_info):
            if value.name in caches:
                value.type.tensor_type.elem_type = TensorProto.INT8


def _scale_name(cache: str) -> str:
    return f"{cache}.scale"


def _attention(graph: GraphProto) -> Iterator[NodeProto]:
    for inner in _graphs(graph):
        yield from (node for node in inner.node if node.op_type == "GroupQueryAttention")


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _save(model: ModelProto, path: Path) -> None:
    path.write_bytes(model.SerializeToString(deterministic=True))
