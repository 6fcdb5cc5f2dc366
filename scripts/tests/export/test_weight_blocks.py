"""Weights of 4 and 8 bits in blocks: how near they are, and where they are exact."""

import numpy as np
import pytest

from qsft.export.block_means import averages, filled
from qsft.export.weight_blocks import (
    BLOCK,
    Bits,
    Blocks,
    OffsetBlocks,
    Weight,
    packed,
    quantize_blocks,
    quantize_with_offsets,
)


def weight_of(blocks: Blocks, bits: Bits, rows: int) -> Weight:
    values = blocks.values
    if bits == 4:
        values = np.stack([values & 15, values >> 4], axis=-1).reshape(*values.shape[:2], -1)
    near = (values.astype(np.float32) - 2 ** (bits - 1)) * blocks.scales[..., None]
    weight: Weight = near.reshape(len(near), -1)[:, :rows].T
    return weight


def weight_with_offsets(quantized: OffsetBlocks) -> Weight:
    steps = quantized.values.astype(np.float32) - quantized.zero_points[..., None]
    blocks = steps * quantized.scales[..., None] + quantized.offsets[..., None]
    weight: Weight = blocks.reshape(len(blocks), -1).T
    return weight


def random_weight(rows: int) -> Weight:
    return np.random.default_rng(0).standard_normal((rows, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("rows", "bits", "block"), [(128, 8, 64), (96, 8, 32), (24, 8, 32), (10, 4, 16), (40, 4, 32)]
)
def test_symmetric_blocks_are_at_most_half_a_step_off(rows: int, bits: Bits, block: int) -> None:
    weight = random_weight(rows)
    blocks = quantize_blocks(weight, bits, block)
    error = np.abs(weight_of(blocks, bits, rows) - weight)
    assert error.max() <= blocks.scales.max() * 0.5001


def test_what_was_stored_in_four_bits_with_a_minimum_stays_exact() -> None:
    """GGUF's Q4_1: w = d · q + m, each block's smallest q 0 and its largest 15."""
    generator = np.random.default_rng(0)
    q = generator.integers(0, 16, (5, 3, BLOCK))
    q[..., 0], q[..., 1] = 0, 15
    d = generator.uniform(0.01, 0.1, (5, 3, 1))
    m = -7.3 * d * generator.uniform(0.5, 1.5, d.shape)
    weight = (d * q + m).reshape(5, -1).T.astype(np.float32)
    quantized = quantize_with_offsets(weight)
    np.testing.assert_allclose(weight_with_offsets(quantized), weight, atol=1e-6)
    assert (np.abs(quantized.offsets) <= quantized.scales * 0.5001).all()


def test_other_weights_are_nearer_than_with_a_scale_alone() -> None:
    weight = random_weight(320)
    plain = weight_of(quantize_blocks(weight, 4, BLOCK), 4, 320)
    near = weight_with_offsets(quantize_with_offsets(weight))
    assert np.square(near - weight).mean() < 0.75 * np.square(plain - weight).mean()


@pytest.mark.parametrize("constant", [0.0, 0.25, -3.0])
def test_a_block_of_one_value_is_exact(constant: float) -> None:
    weight = np.full((BLOCK, 2), constant, dtype=np.float32)
    np.testing.assert_array_equal(weight_with_offsets(quantize_with_offsets(weight)), weight)


def test_an_odd_number_of_values_leaves_half_a_byte_empty() -> None:
    assert packed(np.array([[1, 2, 3]], dtype=np.uint8)).tolist() == [[0x21, 0x03]]


@pytest.mark.parametrize(("width", "columns"), [(576, 33), (1536, 48), (64, 33), (96, 3)])
def test_a_block_of_zeros_makes_fours_of_what_would_leave_three(width: int, columns: int) -> None:
    matrix = filled(averages(width))
    x = np.arange(width, dtype=np.float32)
    means = x.reshape(-1, BLOCK).mean(-1)
    assert matrix.shape == (width, columns)
    np.testing.assert_allclose((x @ matrix)[: len(means)], means, rtol=1e-6)
    assert not matrix[:, len(means) :].any()
