"""A of a twin's low-rank terms in MatMulNBits' blocks of 8 bits, whatever its base is stored as.

So narrow a product is bound by reading its weights, and needs no quantized rows of its own.
"""

from pathlib import Path

import numpy as np
from onnx import ModelProto

from qsft.export.block_product import block_product, scales_name
from qsft.export.external_weights import WeightFile, initializers_of, read_weight
from qsft.export.twin_deltas import LOW_RANK
from qsft.export.weight_blocks import BLOCK, quantize_blocks

LARGE_BLOCK = 64


def quantize_low_rank(model: ModelProto, source: Path) -> None:
    """Rewrite the products with A in an fp32 decoder; their weights are appended to `source`."""
    graph = model.graph
    weights = initializers_of(graph)
    with source.open("ab") as stream:
        file = WeightFile(stream, source.name)
        for index, node in enumerate(graph.node):
            if not node.name.startswith(LOW_RANK):
                continue
            (x, name), (y,) = node.input, node.output
            weight = read_weight(weights[name], source).astype(np.float32, copy=False)
            block = LARGE_BLOCK if len(weight) % LARGE_BLOCK == 0 else BLOCK
            blocks = quantize_blocks(weight, 8, block)
            product = block_product(node.name, x, name, y, weight.shape, 8, block)
            weights[name].CopyFrom(file.append(name, blocks.values))
            graph.initializer.append(file.append(scales_name(name), blocks.scales))
            graph.node[index].CopyFrom(product)
