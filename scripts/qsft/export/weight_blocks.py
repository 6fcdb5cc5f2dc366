"""Weights in MatMulNBits' blocks: a scale for each block of a column, or more."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Bits = Literal[4, 8]
Weight = NDArray[np.float32]

BLOCK = 32
LEVELS = 15  # steps from the lowest of four bits to the highest
SHRINKS = (1.0, 0.95, 0.9, 0.85, 0.8)  # of a block's range: outliers may be worth clipping


@dataclass(frozen=True)
class Blocks:
    """W[k, n] ≈ (value[n, k // block, k % block] − 2^(bits − 1)) · scales[n, k // block]."""

    values: NDArray[np.uint8]  # (N, blocks, block · bits / 8); of four bits, the low half first
    scales: Weight  # (N, blocks)
    block: int


@dataclass(frozen=True)
class OffsetBlocks:
    """W[k, n] ≈ (value[n, b, k % 32] − zero_points[n, b]) · scales[n, b] + offsets[n, b].

    b = k // 32 is the block.
    """

    values: NDArray[np.uint8]  # (N, blocks, 32), 0 to 15
    zero_points: NDArray[np.uint8]  # (N, blocks)
    scales: Weight
    offsets: Weight  # at most half a step, unless all weights of the block have one sign


def quantize_blocks(weight: Weight, bits: Bits, block: int) -> Blocks:
    """Symmetric, of a weight (K, N); the last block of a column is padded with zeros."""
    rows, columns = weight.shape
    count = -(-rows // block)
    padded = np.zeros((columns, count * block), dtype=np.float32)
    padded[:, :rows] = weight.T
    blocks = padded.reshape(columns, count, block)
    zero_point = 2 ** (bits - 1)
    scales = (np.abs(blocks).max(-1) / (zero_point - 1)).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1))
    values = (np.rint(blocks / divisors[..., None]) + zero_point).astype(np.uint8)
    return Blocks(packed(values) if bits == 4 else values, scales, block)


def quantize_with_offsets(weight: Weight) -> OffsetBlocks:
    """Of a weight (K, N), K a multiple of 32: the best of some ranges, fitted by least squares.

    Exact for a weight that was stored so before, as in GGUF's Q4_1.
    """
    rows, columns = weight.shape
    blocks = np.ascontiguousarray(weight.T).reshape(columns, rows // BLOCK, BLOCK)
    middle = (blocks.max(-1) + blocks.min(-1)) / 2
    reach = (blocks.max(-1) - blocks.min(-1)) / 2
    errors = np.full(middle.shape, np.inf, dtype=np.float32)
    values = np.zeros(blocks.shape, dtype=np.uint8)
    scales, offsets = np.zeros_like(middle), np.zeros_like(middle)
    for shrink in SHRINKS:
        low, step = middle - reach * shrink, reach * np.float32(shrink * 2 / LEVELS)
        divisors = np.where(step > 0, step, np.float32(1))[..., None]
        rounded = np.clip(np.rint((blocks - low[..., None]) / divisors), 0, LEVELS)
        scale, offset = _fitted(rounded, blocks)
        restored = rounded * scale[..., None] + offset[..., None]
        error = np.square(restored - blocks).sum(-1)
        better = error < errors
        errors[better], scales[better], offsets[better] = (
            error[better],
            scale[better],
            offset[better],
        )
        values[better] = rounded[better].astype(np.uint8)
    steps = np.where(scales > 0, scales, np.float32(1))
    zero_points = np.clip(np.rint(-offsets / steps), 0, LEVELS).astype(np.uint8)
    return OffsetBlocks(values, zero_points, scales, offsets + zero_points * scales)


def _fitted(values: Weight, blocks: Weight) -> tuple[Weight, Weight]:
    """The line through a block's weights over their rounded values."""
    means = values.mean(-1, keepdims=True), blocks.mean(-1, keepdims=True)
    spread = np.square(values - means[0]).sum(-1)
    slope = ((values - means[0]) * (blocks - means[1])).sum(-1)
    scale = slope / np.where(spread > 0, spread, np.float32(1))
    return scale, means[1][..., 0] - scale * means[0][..., 0]


def packed(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two of four bits a byte; an odd last one has the byte alone."""
    if values.shape[-1] % 2:
        values = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
    result: NDArray[np.uint8] = values[..., 0::2] | values[..., 1::2] * np.uint8(16)
    return result
