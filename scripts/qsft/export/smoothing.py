"""Before int8: each channel of an activation gives a part of its size to the weights behind it.

    x W = (x / s) (s W)        s ≈ √(max|x| / max|W|), a power of two a channel

A row's scale is that of its largest channel, so channels of like size lose the least. 1 / s goes
into what makes x, a norm's weights or another product's columns, and costs no operator. Powers of
two leave every float32 sum as it was. After SmoothQuant (Xiao et al. 2023, arXiv 2211.10438).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from qsft.export.channel_makers import ChannelMakers, Maker
from qsft.export.contract import INPUT_IDS, MODEL_ROLES
from qsft.export.external_weights import initializers_of, read_weight, weight_file
from qsft.export.graph_runner import Chunk, GraphRunner
from qsft.export.twin_deltas import TOKEN_MODEL
from qsft.export.twin_graph import single_model

Floats = NDArray[np.float32]


def smooth_activations(
    model: ModelProto, source: Path, target: Path, prompts: Sequence[Sequence[int]]
) -> None:
    """Rewrite an fp32 decoder whose weights are in `source`; the new ones go to `target`."""
    graph = model.graph
    weights = initializers_of(graph)
    found = ChannelMakers(graph)
    makers = {x: maker for x in found.products if (maker := found.of(x))}
    largest = _largest_channels(model, source, makers, prompts)
    factors: dict[str, Floats] = defaultdict(lambda: np.ones(1, np.float32))
    for x, maker in makers.items():
        channels, rows = len(largest[x]), []
        for taken in found.products[x]:
            sizes = np.abs(read_weight(weights[taken.weight], source)).max(axis=1)
            rows.append(sizes[taken.rows(channels)])
        own, whole = _factors(largest[x], np.max(rows, axis=0), maker)
        for taken in found.products[x]:
            every = np.ones((weights[taken.weight].dims[0], 1), np.float32)
            every[taken.rows(channels)] = whole[:, None]
            factors[taken.weight] = factors[taken.weight] * every
            _undo_in_embedding(graph, taken.weight, whole)
        for name in maker.weights:
            before = np.ones(weights[name].dims[-1] - len(own), np.float32)
            factors[name] = factors[name] / np.concatenate([before, own])
    added = [tensor for tensor in graph.initializer if tensor.name not in weights]
    del graph.initializer[:]
    with weight_file(target) as file:
        for name, tensor in weights.items():
            values = read_weight(tensor, source)
            if name in factors:
                values = values.astype(np.float32, copy=False) * factors[name]
            graph.initializer.append(file.append(name, values))
    graph.initializer.extend(added)


def _factors(activations: Floats, weights: Floats, maker: Maker) -> tuple[Floats, Floats]:
    """s of the channels that the maker has, and of those that the products take."""
    shape = (-1, maker.sharing, len(activations) // maker.heads)
    x, w = (sizes.reshape(shape).max(axis=1) for sizes in (activations, weights))
    known = (x > 0) & (w > 0)
    exponents = np.log2(x, where=known, out=np.zeros_like(x))
    exponents = (exponents - np.log2(w, where=known, out=np.zeros_like(w))) / 2
    middle = exponents[known].mean() if known.any() else 0
    rounded = np.rint(np.where(known, exponents - middle, 0)) + np.rint(middle)
    s = np.exp2(rounded).astype(np.float32)
    return s.reshape(-1), np.repeat(s[:, None], maker.sharing, axis=1).reshape(-1)


def _largest_channels(
    model: ModelProto, source: Path, activations: Collection[str], prompts: Sequence[Sequence[int]]
) -> Mapping[str, Floats]:
    """max|x| of each channel, over all positions of the prompts; of a twin's models both."""
    is_twin = any(tensor.name == TOKEN_MODEL for tensor in model.graph.initializer)
    models = [single_model(model, role) for role in MODEL_ROLES] if is_twin else [model]
    found = [_largest_of(one, source, activations, prompts) for one in models]
    return {x: np.max([sizes[x] for sizes in found], axis=0) for x in activations}


def _largest_of(
    model: ModelProto, source: Path, activations: Collection[str], prompts: Sequence[Sequence[int]]
) -> Mapping[str, Floats]:
    probe = ModelProto()
    probe.CopyFrom(model)
    for tensor in probe.graph.initializer:
        for entry in tensor.external_data:
            entry.value = source.name if entry.key == "location" else entry.value
    probe.graph.initializer.append(numpy_helper.from_array(np.array([0]), "/largest/rows"))
    largest = {x: f"{x}/largest" for x in activations}
    for x, name in largest.items():
        rows, sizes = f"{name}/flat", f"{name}/sizes"
        probe.graph.node.extend(
            [
                helper.make_node("Flatten", [x], [rows], axis=-1),
                helper.make_node("Abs", [rows], [sizes]),
                helper.make_node("ReduceMax", [sizes, "/largest/rows"], [name], keepdims=0),
            ]
        )
        probe.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    with NamedTemporaryFile(dir=source.parent, suffix=".onnx") as file:
        file.write(probe.SerializeToString())
        file.flush()
        runner = GraphRunner(Path(file.name), slots=1, cache_length=max(map(len, prompts)))
    runs = [runner.run([Chunk(0, prompt)], range(len(prompt)), {}) for prompt in prompts]
    return {x: np.max([run[name] for run in runs], axis=0) for x, name in largest.items()}


def _undo_in_embedding(graph: GraphProto, weight: str, s: Floats) -> None:
    """Where the embedding is the head's weights, transposed, its rows are divided by s again."""
    tables = {n.output[0] for n in graph.node if n.op_type == "Transpose" and n.input[0] == weight}
    for index, node in enumerate(graph.node):
        if node.op_type == "Gather" and node.input[0] in tables and node.input[1] == INPUT_IDS:
            (y,) = node.output
            node.output[0] = f"{y}/smooth"
            graph.initializer.append(numpy_helper.from_array(1 / s, f"{y}/factors"))
            undo = helper.make_node("Mul", [f"{y}/smooth", f"{y}/factors"], [y], f"{y}/Undo")
            graph.node.insert(index + 1, undo)
            return
