"""Precision int4: weights of 4 bits in blocks of 32, each block with a scale and an offset.

    W ≈ scale · (q − zero point) + offset                   q and zero point: 0 to 15
    x W ≈ x (scale · (q − zero point)) + Σ over blocks of offset · 32 · mean(x of the block)

MatMulNBits has whole zero points, up to half a step off. What is left is the offsets: more rows of
the weight, as the means of x's blocks are more columns of x.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper

from qsft.export.decoder_graph import LM_HEAD
from qsft.export.external_weights import initializers_of, read_weight, weight_file
from qsft.export.options import ExportError
from qsft.export.weight_blocks import (
    BLOCK,
    Bits,
    Weight,
    packed,
    quantize_blocks,
    quantize_with_offsets,
)

MEANS = "/int4/means"  # how the names of the products begin that take the means; they stay fp32
INT8_ACTIVATIONS = 4  # MatMulNBits' accuracy level: 8 bits, a scale for each block


def quantize_layers(model: ModelProto, source: Path, target: Path) -> None:
    """Rewrite an fp32 decoder's products, but for the head's; its weights move to `target`."""
    graph = model.graph
    weights = initializers_of(graph)
    quantized: set[str] = set()
    widened: set[str] = set()
    widths: set[int] = set()
    nodes: list[NodeProto] = []
    for node in graph.node:
        is_product = node.op_type == "MatMul" and node.input[1] in weights
        if not is_product or node.name.startswith(LM_HEAD):
            nodes.append(node)
            continue
        x, weight = node.input
        rows, columns = weights[weight].dims
        if rows % BLOCK:
            raise ExportError(
                f"{node.name}: int4 needs inputs of a multiple of {BLOCK}, not {rows}"
            )
        if x not in widened:
            widened.add(x)
            nodes += _widen(x, rows)
            widths.add(rows)
        quantized.add(weight)
        product = block_product(
            f"{node.name}/int4",
            _widened(x),
            weight,
            node.output[0],
            (rows + rows // BLOCK, columns),
            4,
            BLOCK,
        )
        product.input.append(_zero_points(weight))
        nodes.append(product)
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    with weight_file(target) as file:
        for name, tensor in weights.items():
            values = read_weight(tensor, source)
            if name in quantized:
                parts = _with_offset_rows(name, values.astype(np.float32, copy=False))
                graph.initializer.extend(file.append(*part) for part in parts.items())
            else:
                graph.initializer.append(file.append(name, values))
        for width in sorted(widths):
            graph.initializer.append(file.append(_averages(width), _averaging(width)))


def block_product(
    name: str, x: str, weight: str, y: str, shape: tuple[int, int], bits: Bits, block: int
) -> NodeProto:
    """y = x W for a weight of this shape (K, N), whose blocks are stored under its name."""
    return helper.make_node(
        "MatMulNBits",
        [x, weight, scales_name(weight)],
        [y],
        name,
        domain="com.microsoft",
        K=shape[0],
        N=shape[1],
        bits=bits,
        block_size=block,
        accuracy_level=INT8_ACTIVATIONS,
    )


def scales_name(weight: str) -> str:
    return f"{weight}_scales"


def _widen(x: str, width: int) -> list[NodeProto]:
    """Once for all products with `x`. A product is quicker here than AveragePool, by far."""
    means = f"{x}/means"
    return [
        helper.make_node("MatMul", [x, _averages(width)], [means], f"{MEANS}{x}"),
        helper.make_node("Concat", [x, means], [_widened(x)], f"{x}/Widen", axis=-1),
    ]


def _averages(width: int) -> str:
    return f"/int4/averages.{width}"


def _averaging(width: int) -> Weight:
    """The matrix that takes a row to the means of its blocks."""
    columns = np.eye(width // BLOCK, dtype=np.float32) / np.float32(BLOCK)
    matrix: Weight = np.repeat(columns, BLOCK, axis=0)
    return matrix


def _widened(x: str) -> str:
    return f"{x}/widened"


def _zero_points(weight: str) -> str:
    return f"{weight}_zero_points"


def _with_offset_rows(name: str, weight: Weight) -> dict[str, NDArray[np.generic]]:
    """What is stored of W: its blocks and, behind them in each column, those of its offsets."""
    own = quantize_with_offsets(weight)
    offsets = quantize_blocks(own.offsets.T * np.float32(BLOCK), 4, BLOCK)
    middle = np.full_like(offsets.scales, 8, dtype=np.uint8)
    return {
        name: np.concatenate([packed(own.values), offsets.values], axis=1),
        scales_name(name): np.concatenate([own.scales, offsets.scales], axis=1),
        _zero_points(name): packed(np.concatenate([own.zero_points, middle], axis=1)),
    }
