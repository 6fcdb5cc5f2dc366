"""Adapters at eight bits, in MatMulNBits' layout: a scale for each block of a column.

Beside a base of four bits, adapters in float32 would be a large part of the folder.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
SMALLEST_BLOCK = 16
ZERO_POINT = 128
LEVELS = 127  # of either sign


@dataclass(frozen=True)
class Blocks:
    """W[k, n] ≈ (values[n, k // block, k % block] − 128) · scales[n, k // block]."""

    values: NDArray[np.uint8]  # (N, blocks, block)
    scales: NDArray[np.float32]  # (N, blocks)
    block: int


def quantize_blocks(weight: NDArray[np.float32]) -> Blocks:
    """Symmetric, of a weight (K, N); the last block of a column is padded with zeros."""
    rows, columns = weight.shape
    block = SMALLEST_BLOCK if rows <= SMALLEST_BLOCK else BLOCK
    count = -(-rows // block)
    padded = np.zeros((columns, count * block), dtype=np.float32)
    padded[:, :rows] = weight.T
    blocks = padded.reshape(columns, count, block)
    scales = (np.abs(blocks).max(-1) / LEVELS).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1))
    values = np.rint(blocks / divisors[..., None]) + ZERO_POINT
    return Blocks(values.astype(np.uint8), scales, block)
