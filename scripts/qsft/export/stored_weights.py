"""What a precision stores: the builder's own weights, or its fp32 quantized here."""

from collections.abc import Callable, Sequence
from pathlib import Path

from onnx import ModelProto

from qsft.export.block_matmul import quantize_layers
from qsft.export.block_means import MEANS
from qsft.export.contract import Precision
from qsft.export.decoder_graph import LM_HEAD
from qsft.export.integer_matmul import quantize_products
from qsft.export.low_rank_blocks import quantize_low_rank
from qsft.export.smoothing import smooth_activations

# int4's head and embedding, in 7 bits: sums of two products then fit 16, and so int4 is right on
# processors without VNNI, too.
HEAD_LEVELS = 63


def built_as(precision: Precision) -> Precision:
    """The precision that the builder is asked for."""
    return "fp32" if precision in ("int8", "int4") else precision


def store_weights(
    model: ModelProto,
    source: Path,
    target: Path,
    precision: Precision,
    read_prompts: Callable[[], Sequence[Sequence[int]]],
) -> None:
    """Move the weights of an adapted decoder from `source` to `target`, in the precision's form.

    The prompts show int8 how large activations become; the others ask for none.
    """
    if precision == "int8":
        smoothed = source.with_name("smoothed.data")
        smooth_activations(model, source, smoothed, read_prompts())
        quantize_low_rank(model, smoothed)
        quantize_products(model, smoothed, target)
    elif precision == "int4":
        layers = source.with_name("layers.data")
        quantize_layers(model, source, layers)
        quantize_low_rank(model, layers)
        quantize_products(model, layers, target, kept=(MEANS,), levels=HEAD_LEVELS, fine=(LM_HEAD,))
    else:
        source.rename(target)
