"""The means of a row's blocks, as more channels of what int4's products take: [x, means].

Once for all products with x. In twins the product that makes them makes x A, too (`twin_deltas`).
"""

import numpy as np
from onnx import NodeProto, helper

from qsft.export.options import ExportError
from qsft.export.weight_blocks import BLOCK, Weight

MEANS = "/int4/means"  # how the names of the products begin that make the means; they stay fp32
UNROLLED = 4  # blocks that MatMulNBits takes at once: in batches three more cost more than four


def means_count(width: int) -> int:
    if width % BLOCK:
        raise ExportError(f"int4 needs products of a multiple of {BLOCK} channels, not {width}")
    return width // BLOCK


def averages(width: int) -> Weight:
    """The matrix that takes a row to the means of its blocks."""
    eye = np.eye(means_count(width), dtype=np.float32) / np.float32(BLOCK)
    matrix: Weight = np.repeat(eye, BLOCK, axis=0)
    return matrix


def filled(matrix: Weight) -> Weight:
    """With zeros behind the means where one more block makes four of what would leave three."""
    width, count = matrix.shape
    means = -(-count // BLOCK)
    is_filled = (width // BLOCK + means) % UNROLLED == UNROLLED - 1
    zeros = means * BLOCK + 1 - count if is_filled else 0
    return np.pad(matrix, ((0, 0), (0, zeros)))


def averages_name(width: int) -> str:
    """All x of one width have the same."""
    return f"/int4/averages.{width}"


def widened_name(x: str) -> str:
    return f"{x}/widened"


def widen_with_means(x: str, width: int) -> list[NodeProto]:
    means = f"{x}/means"
    return [
        # A product is quicker here than AveragePool, by far.
        helper.make_node("MatMul", [x, averages_name(width)], [means], f"{MEANS}{x}"),
        helper.make_node("Concat", [x, means], [widened_name(x)], f"{x}/Widen", axis=-1),
    ]
