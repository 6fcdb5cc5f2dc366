"""Precision int4: weights of 4 bits in blocks of 32, each block with a scale and an offset.

    W ≈ scale · (q − zero point) + offset                   q and zero point: 0 to 15
    x W ≈ x (scale · (q − zero point)) + Σ over blocks of offset · 32 · mean(x of the block)

MatMulNBits has whole zero points, up to half a step off. What is left is the offsets: more rows of
the weight, as the means of x's blocks are more columns of x (`block_means`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto

from qsft.export.block_means import (
    averages,
    averages_name,
    filled,
    means_count,
    widen_with_means,
    widened_name,
)
from qsft.export.block_product import block_product, scales_name
from qsft.export.decoder_graph import LM_HEAD
from qsft.export.external_weights import initializers_of, read_weight, weight_file
from qsft.export.twin_deltas import LOW_RANK, low_rank_name
from qsft.export.weight_blocks import BLOCK, Weight, packed, quantize_blocks, quantize_with_offsets

Stored = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Place:
    """Where in what a product takes x ends and the means begin, and how much it is."""

    width: int
    means: int
    height: int


def quantize_layers(model: ModelProto, source: Path, target: Path) -> None:
    """Rewrite an fp32 decoder's products, but for the head's; its weights move to `target`."""
    graph = model.graph
    weights = initializers_of(graph)
    # What a twin's products take, and x in it: the means are there already.
    twins = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Concat"}
    places: dict[str, Place] = {}  # by the weights' names
    averages_of: dict[int, Weight] = {}
    nodes: dict[str, NodeProto] = {}  # by their first outputs: some are wanted more than once
    for node in graph.node:
        if not _is_in_layer(node, weights):
            nodes[node.output[0]] = node
            continue
        x, weight = node.input
        height, columns = weights[weight].dims
        if x in twins:
            width = weights[low_rank_name(twins[x])].dims[0]
            places[weight] = Place(width, height - means_count(width), height)
        else:
            matrix = averages_of.setdefault(height, filled(averages(height)))
            places[weight] = Place(height, height, height + matrix.shape[1])
            nodes |= {new.output[0]: new for new in widen_with_means(x, height)}
            x = widened_name(x)
        nodes[node.output[0]] = _product(node, x, (places[weight].height, columns))
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes.values())
    with weight_file(target) as file:
        for name, tensor in weights.items():
            values = read_weight(tensor, source)
            if name in places:
                parts = _stored(name, values.astype(np.float32, copy=False), places[name])
                graph.initializer.extend(file.append(*part) for part in parts.items())
            else:
                graph.initializer.append(file.append(name, values))
        for width, matrix in averages_of.items():
            graph.initializer.append(file.append(averages_name(width), matrix))


def _is_in_layer(node: NodeProto, weights: Collection[str]) -> bool:
    is_product = node.op_type == "MatMul" and node.input[1] in weights
    return is_product and not node.name.startswith((LM_HEAD, LOW_RANK))


def _product(node: NodeProto, x: str, shape: tuple[int, int]) -> NodeProto:
    weight = node.input[1]
    product = block_product(f"{node.name}/int4", x, weight, node.output[0], shape, 4, BLOCK)
    product.input.append(_zero_points(weight))
    return product


def _zero_points(weight: str) -> str:
    return f"{weight}_zero_points"


def _stored(name: str, weight: Weight, place: Place) -> Stored:
    """In each column the blocks of W, and of what is below: in twins B, and W's offsets."""
    own = quantize_with_offsets(weight[: place.width])
    below = np.pad(weight, ((0, place.height - len(weight)), (0, 0)))
    below[place.means :][: means_count(place.width)] = own.offsets.T * np.float32(BLOCK)
    lower = quantize_blocks(below[place.width :], 4, BLOCK)
    middle = np.full_like(lower.scales, 8, dtype=np.uint8)
    return {
        name: np.concatenate([packed(own.values), lower.values], axis=1),
        scales_name(name): np.concatenate([own.scales, lower.scales], axis=1),
        _zero_points(name): packed(np.concatenate([own.zero_points, middle], axis=1)),
    }
