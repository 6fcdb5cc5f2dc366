"""Run an exported graph with a paged cache: a table for each row."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from qsft.export.contract import (
    ATTENTION_METADATA,
    BLOCK_TABLE,
    CUMULATIVE_LENGTHS,
    INPUT_IDS,
    PAST_LENGTHS,
)
from qsft.export.graph_runner import Array, Chunk, GraphRunner
from qsft.export.options import ExportOptions


def open_runner(path: Path, options: ExportOptions, slots: int, cache_length: int) -> GraphRunner:
    """A runner of a graph exported with these options."""
    if options.block_size is None:
        return GraphRunner(path, slots, cache_length)
    return PagedRunner(path, slots, cache_length, options.block_size)


class PagedRunner(GraphRunner):
    """Row i of a run has every `slots`-th block, from the i-th on: none lies beside the next."""

    def __init__(self, path: Path, slots: int, cache_length: int, block_size: int) -> None:
        self._block_size = block_size
        self._row_blocks = -(-cache_length // block_size)
        self._slots = slots
        super().__init__(path, slots, cache_length)

    def flat_positions(self, chunks: Sequence[Chunk]) -> list[int]:
        return list(range(sum(len(chunk.ids) for chunk in chunks)))

    def _cache_shape(self, declared: Sequence[int], slots: int) -> tuple[int, ...]:
        _, _, kv_heads, head_dim = declared
        return (slots * self._row_blocks, self._block_size, kv_heads, head_dim)

    def _bound(self, cache: Array, rows: int) -> Array:
        return cache

    def _fed(self, chunks: Sequence[Chunk]) -> dict[str, Array]:
        counts = [len(chunk.ids) for chunk in chunks]
        longest = max(chunk.past + len(chunk.ids) for chunk in chunks)
        if longest > self._cache_length:
            raise ValueError(f"a row has {longest} tokens, its blocks hold {self._cache_length}")
        table = np.arange(self._slots * self._row_blocks).reshape(self._row_blocks, self._slots).T
        return {
            INPUT_IDS: np.array([i for chunk in chunks for i in chunk.ids], dtype=np.int64),
            CUMULATIVE_LENGTHS: np.array([0, *accumulate(counts)], dtype=np.int32),
            PAST_LENGTHS: np.array([chunk.past for chunk in chunks], dtype=np.int32),
            BLOCK_TABLE: table[: len(chunks)].astype(np.int32),
            ATTENTION_METADATA: np.array([max(counts), longest, longest], dtype=np.int32),
        }
