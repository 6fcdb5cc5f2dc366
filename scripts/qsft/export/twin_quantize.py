"""Adapters quantized in MatMulNBits' layout: a scale for each block of a column.

Beside a base of four bits, adapters in float32 would be a large part of the folder. B has four
bits as well: its error is to the adapter's term what the base's is to the whole product.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Bits = Literal[4, 8]

LARGE_BLOCK, BLOCK, SMALLEST_BLOCK = 64, 32, 16


@dataclass(frozen=True)
class Blocks:
    """W[k, n] ≈ (value[n, k // block, k % block] − 2^(bits − 1)) · scales[n, k // block]."""

    values: NDArray[np.uint8]  # (N, blocks, block · bits / 8); of four bits, the low half first
    scales: NDArray[np.float32]  # (N, blocks)
    block: int


def quantize_blocks(weight: NDArray[np.float32], bits: Bits) -> Blocks:
    """Symmetric, of a weight (K, N); the last block of a column is padded with zeros."""
    rows, columns = weight.shape
    block = _block(rows, bits)
    count = -(-rows // block)
    padded = np.zeros((columns, count * block), dtype=np.float32)
    padded[:, :rows] = weight.T
    blocks = padded.reshape(columns, count, block)
    zero_point = 2 ** (bits - 1)
    scales = (np.abs(blocks).max(-1) / (zero_point - 1)).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1))
    values = (np.rint(blocks / divisors[..., None]) + zero_point).astype(np.uint8)
    if bits == 4:
        values = values[..., 0::2] | (values[..., 1::2] << 4)
    return Blocks(values, scales, block)


def _block(rows: int, bits: Bits) -> int:
    if rows <= SMALLEST_BLOCK:
        return SMALLEST_BLOCK
    return LARGE_BLOCK if bits == 8 and rows % LARGE_BLOCK == 0 else BLOCK
