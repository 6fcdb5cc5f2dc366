"""Precision int8: every product with a weight matrix in integers, activations scaled row by row.

    x ≈ row · (q − 128),  row = max|x| / 127 of each row;   W ≈ w · column,  column = max|W| / 127
    x W ≈ row · column · (q − 128) w        q: uint8, w: int8, their products' sums exact in int32

A row's scale depends on that row alone (ONNX Runtime's own dynamic quantization takes one for the
whole batch), and integer sums are exact in any order: what else is in the batch changes no bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from qsft.export.contract import INPUT_IDS, SCORE_INDEX
from qsft.export.decoder_graph import LM_HEAD
from qsft.export.external_weights import initializers_of, read_weight, weight_file
from qsft.export.prune import prune_unused

LEVELS = 127  # of either sign
ZERO_POINT = 128  # of the activations: the fastest kernels take them unsigned, the weights signed
SECOND_DIGIT = 1 / (2 * LEVELS)  # what the first leaves is at most half its step
MICROSOFT = "com.microsoft"

CONSTANTS: Mapping[str, NDArray[np.generic]] = {
    "/int8/one": np.array(1, np.float32),
    "/int8/zero_point": np.array(ZERO_POINT, np.uint8),
    "/int8/step": np.array(1 / LEVELS, np.float32),
    "/int8/second_digit": np.array(SECOND_DIGIT, np.float32),
    "/int8/last_axis": np.array([-1], np.int64),
}


@dataclass(frozen=True)
class QuantizedWeight:
    """W ≈ values · scales, a scale a column."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


@dataclass(frozen=True)
class QuantizedRows:
    """Names of a quantized activation and of its rows' scales."""

    values: str
    scales: str


def quantize_weight(weight: NDArray[np.float32], levels: int = LEVELS) -> QuantizedWeight:
    """Symmetric, so that no sum needs the weights' zero points; (K, N)."""
    scales = (np.abs(weight).max(axis=0) / levels).astype(np.float32)
    divisor = np.where(scales > 0, scales, np.float32(1))
    return QuantizedWeight(np.rint(weight / divisor).astype(np.int8), scales)


def quantize_products(
    model: ModelProto,
    source: Path,
    target: Path,
    kept: tuple[str, ...] = (),
    levels: int = LEVELS,
    fine: tuple[str, ...] = (),
) -> None:
    """Rewrite an fp32 decoder whose weights are in `source`; the new ones go to `target`.

    Products whose names begin with one of `kept` stay fp32; the activations of those whose names
    contain one of `fine` get two digits.
    """
    graph = model.graph
    weights = initializers_of(graph)
    products = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in weights and not node.name.startswith(kept)
    }
    quantized = {node.input[1] for node in products.values()}
    table = _dequantize_embedding(graph, quantized, weights)
    rewriting = _Rewriting(graph, products, fine)
    nodes = [new for node in graph.node for new in rewriting.rewrite(node)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend([*_zero_points(), *nodes])
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in CONSTANTS.items())
    with weight_file(target) as file:
        for name, tensor in weights.items():
            values = read_weight(tensor, source)
            if name in quantized:
                weight = quantize_weight(values.astype(np.float32, copy=False), levels)
                graph.initializer.append(file.append(name, weight.values))
                graph.initializer.append(file.append(_scales(name), weight.scales))
            elif name == table:
                rows = quantize_weight(values.astype(np.float32, copy=False).T, levels)
                graph.initializer.append(file.append(name, rows.values.T))
                graph.initializer.append(file.append(_scales(name), rows.scales))
            else:
                graph.initializer.append(file.append(name, values))
    prune_unused(graph)


class _Rewriting:
    """One pass over the nodes in their order; remembers what has been quantized."""

    def __init__(
        self, graph: GraphProto, products: Mapping[str, NodeProto], fine: tuple[str, ...]
    ) -> None:
        self._products = products
        self._fine = fine
        self._columns = {t.name: t.dims for t in graph.initializer}
        self._consumers: dict[str, list[NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._consumers.setdefault(name, []).append(node)
        self._rows: dict[str, QuantizedRows] = {}
        self._pending: dict[str, str] = {}  # a value still to be multiplied by its rows' scales

    def rewrite(self, node: NodeProto) -> list[NodeProto]:
        if node.output and node.output[0] in self._products:
            return self._product(node)
        deferred = [name for name in node.input if name in self._pending]
        if deferred:
            self._pending[node.output[0]] = self._pending[deferred[0]]
        return [node]

    def _product(self, node: NodeProto) -> list[NodeProto]:
        x, weight = node.input
        (y,) = node.output
        nodes = [] if x in self._rows else self._quantize(x, weight, node)
        rows = self._rows[x]
        defer = self._scale_may_wait(y)
        unscaled = y if defer else f"{y}/unscaled"
        inputs = [rows.values, weight, "/int8/one", _scales(weight), "/int8/zero_point"]
        fine = self._is_fine(node)
        digits = f"{y}/digits" if fine else unscaled
        nodes.append(
            helper.make_node(
                "MatMulIntegerToFloat", inputs, [digits], f"{node.name}/int8", domain=MICROSOFT
            )
        )
        if fine:
            nodes += _join_digits(digits, unscaled)
        if defer:
            self._pending[y] = rows.scales
        else:
            nodes.append(
                helper.make_node("Mul", [unscaled, rows.scales], [y], f"{node.name}/scale")
            )
        return nodes

    def _quantize(self, x: str, weight: str, product: NodeProto) -> list[NodeProto]:
        """Once for all products with `x`."""
        rows = self._rows[x] = QuantizedRows(f"{x}/int8", f"{x}/row_scale")
        own = f"{x}/own_scale" if x in self._pending else rows.scales
        selected = product.name.startswith(LM_HEAD)
        zero_points = f"/int8/zero_points/{SCORE_INDEX if selected else INPUT_IDS}"
        width = self._columns[weight][0]
        nodes = [
            helper.make_node("Abs", [x], [f"{x}/abs"], f"{x}/Abs"),
            helper.make_node(
                "ReduceMax", [f"{x}/abs", "/int8/last_axis"], [f"{x}/max"], f"{x}/Max", keepdims=1
            ),
            # A row of zeros has the scale 0: whatever it is divided to, it is multiplied by 0.
            helper.make_node("Mul", [f"{x}/max", "/int8/step"], [own], f"{x}/Scale"),
            helper.make_node(
                "QuantizeLinear",
                [x, own, zero_points],
                [f"{x}/first" if self._is_fine(product) else rows.values],
                f"{x}/Quantize",
                axis=-1,
                block_size=width,
            ),
        ]
        if self._is_fine(product):
            nodes += _second_digit(x, own, zero_points, width, rows.values)
        if own != rows.scales:
            both = [own, self._pending[x]]
            nodes.append(helper.make_node("Mul", both, [rows.scales], f"{x}/BothScales"))
        return nodes

    def _is_fine(self, product: NodeProto) -> bool:
        return any(name in product.name for name in self._fine)

    def _scale_may_wait(self, y: str) -> bool:
        """Whether `y` is only multiplied into what is quantized again: there scales are free."""
        consumers = self._consumers.get(y, [])
        if [node.op_type for node in consumers] != ["Mul"]:
            return False
        product = consumers[0].output[0]
        others = [name for name in consumers[0].input if name != y]
        after = self._consumers.get(product, [])
        return (
            len(others) == 1
            and others[0] not in self._pending
            and others[0] not in self._columns
            and bool(after)
            and all(n.output[0] in self._products and n.input[0] == product for n in after)
        )


def _second_digit(x: str, scale: str, zero_points: str, width: int, both: str) -> list[NodeProto]:
    """Quantize what the first digit leaves; as more rows, so that weights are read once."""
    first, near, rest = f"{x}/first", f"{x}/near", f"{x}/rest"
    second, step = f"{x}/second", f"{x}/second_scale"
    blocks = {"axis": -1, "block_size": width}
    quantize = [rest, step, zero_points]
    return [
        helper.make_node(
            "DequantizeLinear", [first, scale, zero_points], [near], f"{x}/Near", **blocks
        ),
        helper.make_node("Sub", [x, near], [rest], f"{x}/Rest"),
        helper.make_node("Mul", [scale, "/int8/second_digit"], [step], f"{x}/SecondScale"),
        helper.make_node("QuantizeLinear", quantize, [second], f"{x}/Second", **blocks),
        helper.make_node("Concat", [first, second], [both], f"{x}/Digits", axis=-2),
    ]


def _join_digits(digits: str, y: str) -> list[NodeProto]:
    first, second, small = f"{y}/first", f"{y}/second", f"{y}/small"
    return [
        helper.make_node("Split", [digits], [first, second], f"{y}/Split", axis=-2, num_outputs=2),
        helper.make_node("Mul", [second, "/int8/second_digit"], [small], f"{y}/Small"),
        helper.make_node("Add", [first, small], [y], f"{y}/Join"),
    ]


def _scales(weight: str) -> str:
    return f"{weight}_scales"


def _zero_points() -> list[NodeProto]:
    """One a row, as QuantizeLinear wants them beside one scale a row; (B, S, 1) and (N, 1)."""
    nodes = []
    for rows in (INPUT_IDS, SCORE_INDEX):
        name = f"/int8/zero_points/{rows}"
        value = helper.make_tensor("value", TensorProto.UINT8, [1], [ZERO_POINT])
        nodes += [
            helper.make_node("Unsqueeze", [rows, "/int8/last_axis"], [f"{name}/column"]),
            helper.make_node("Shape", [f"{name}/column"], [f"{name}/shape"]),
            helper.make_node("ConstantOfShape", [f"{name}/shape"], [name], value=value),
        ]
        for node in nodes[-3:]:
            node.name = f"{name}/{node.op_type}"
    return nodes


def _dequantize_embedding(
    graph: GraphProto, quantized: set[str], weights: Mapping[str, TensorProto]
) -> str | None:
    """The embedding's rows in integers, a scale a row; the table's name if it is its own.

    A tied one reads the head's weights: its rows are the head's columns, with the head's scales.
    Transposing the weights is folded when the graph is loaded.
    """
    heads = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Transpose"}
    for index, node in enumerate(graph.node):
        if node.op_type != "Gather" or node.input[1] != INPUT_IDS:
            continue
        table = heads.get(node.input[0], node.input[0])
        is_tied = table in quantized
        if not is_tied and node.input[0] not in weights:
            return None  # tied to a head that stays as it is
        (y,) = node.output
        node.output[0] = f"{y}/int8"
        column = f"{_scales(table)}/column"
        nodes = [
            helper.make_node("Cast", [f"{y}/int8"], [f"{y}/float"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", [_scales(table), "/int8/last_axis"], [column]),
            helper.make_node("Gather", [column, INPUT_IDS], [f"{y}/scale"]),
            helper.make_node("Mul", [f"{y}/float", f"{y}/scale"], [y]),
        ]
        for offset, new in enumerate(nodes, start=1):
            new.name = f"{y}/{new.op_type}"
            graph.node.insert(index + offset, new)
        return None if is_tied else table
    return None
