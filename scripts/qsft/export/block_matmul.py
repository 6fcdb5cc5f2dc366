"""Precision int4: weights of 4 bits in blocks of 32, each block with a scale and an offset.

    W ≈ scale · (q − zero point) + offset                   q and zero point: 0 to 15
    x W ≈ x (scale · (q − zero point)) + Σ over blocks of offset · 32 · mean(x of the block)

MatMulNBits has whole zero points, up to half a step off. What is left is the offsets: more rows of
the weight, as the means of x's blocks are more columns of x. So is B of a low-rank term.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from qsft.export.block_product import block_product, scales_name
from qsft.export.decoder_graph import LM_HEAD
from qsft.export.external_weights import initializers_of, read_weight, weight_file
from qsft.export.low_rank_terms import Term, low_rank_terms
from qsft.export.options import ExportError
from qsft.export.weight_blocks import BLOCK, Weight, packed, quantize_blocks, quantize_with_offsets
from qsft.export.widened_rows import Stored, WidenedRows


def quantize_layers(model: ModelProto, source: Path, target: Path) -> None:
    """Rewrite an fp32 decoder's products, but for the head's; its weights move to `target`."""
    graph = model.graph
    weights = initializers_of(graph)
    terms = low_rank_terms(graph)
    absorbed = {name for term in terms.values() for name in term.absorbed}
    products = _products(graph, weights, absorbed)
    widened = {x: _widened(x, own, terms, weights, source) for x, own in products.items()}
    replaced = {name for term in terms.values() for name in (term.a, term.b)}
    replaced |= {node.input[1] for own in products.values() for node in own}
    results = {node.output[0] for own in products.values() for node in own}
    nodes: dict[str, NodeProto] = {}  # by their first outputs: some are wanted more than once
    for node in graph.node:
        y = node.output[0]
        if y in absorbed:
            continue
        if y not in results:
            nodes[y] = node
            continue
        rows = widened[node.input[0]]
        for new in rows.nodes():
            nodes.setdefault(new.output[0], new)
        result = terms[y].sum if y in terms else y
        nodes[result] = _product(node, rows, weights[node.input[1]].dims[1], result)
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes.values())
    with weight_file(target) as file:
        for name, tensor in weights.items():
            if name not in replaced:
                graph.initializer.append(file.append(name, read_weight(tensor, source)))
        behind: Stored = {}
        for x, own in products.items():
            behind |= widened[x].weights()
            for node in own:
                weight = _matrix(node.input[1], weights, source)
                term = terms.get(node.output[0])
                b = _matrix(term.b if term else node.input[1], weights, source)
                below = widened[x].below(term, b)
                parts = _stored(node.input[1], weight, below)
                graph.initializer.extend(file.append(*part) for part in parts.items())
        graph.initializer.extend(file.append(*part) for part in behind.items())


def _products(
    graph: GraphProto, weights: dict[str, TensorProto], absorbed: set[str]
) -> dict[str, list[NodeProto]]:
    """By what they take."""
    products: dict[str, list[NodeProto]] = defaultdict(list)
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights or node.output[0] in absorbed:
            continue
        if node.name.startswith(LM_HEAD):
            continue
        rows = weights[node.input[1]].dims[0]
        if rows % BLOCK:
            raise ExportError(
                f"{node.name}: int4 needs inputs of a multiple of {BLOCK}, not {rows}"
            )
        products[node.input[0]].append(node)
    return products


def _widened(
    x: str,
    products: list[NodeProto],
    terms: dict[str, Term],
    weights: dict[str, TensorProto],
    source: Path,
) -> WidenedRows:
    own = [terms[node.output[0]] for node in products if node.output[0] in terms]
    matrices = [_matrix(term.a, weights, source) for term in own]
    return WidenedRows(x, weights[products[0].input[1]].dims[0], own, matrices)


def _matrix(name: str, weights: dict[str, TensorProto], source: Path) -> Weight:
    return read_weight(weights[name], source).astype(np.float32, copy=False)


def _product(node: NodeProto, rows: WidenedRows, columns: int, y: str) -> NodeProto:
    shape = rows.columns, columns
    weight = node.input[1]
    product = block_product(f"{node.name}/int4", rows.name, weight, y, shape, 4, BLOCK)
    product.input.append(_zero_points(weight))
    return product


def _zero_points(weight: str) -> str:
    return f"{weight}_zero_points"


def _stored(name: str, weight: Weight, below: Weight) -> Stored:
    """What is stored of W: in each column its blocks, those of its offsets, and what is below."""
    own = quantize_with_offsets(weight)
    lower = [quantize_blocks(own.offsets.T * np.float32(BLOCK), 4, BLOCK)]
    if len(below):
        lower.append(quantize_blocks(below, 4, BLOCK))
    scales = np.concatenate([blocks.scales for blocks in lower], axis=1)
    middle = np.full_like(scales, 8, dtype=np.uint8)
    return {
        name: np.concatenate([packed(own.values), *(blocks.values for blocks in lower)], axis=1),
        scales_name(name): np.concatenate([own.scales, scales], axis=1),
        _zero_points(name): packed(np.concatenate([own.zero_points, middle], axis=1)),
    }
