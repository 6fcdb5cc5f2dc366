"""A product with a weight in MatMulNBits' blocks, as a node."""

from onnx import NodeProto, helper

from qsft.export.weight_blocks import Bits

INT8_ACTIVATIONS = 4  # MatMulNBits' accuracy level: 8 bits, a scale for each block


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
