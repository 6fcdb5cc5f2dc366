"""Run an exported graph the way the server does: IoBinding, the KV cache in place, a slot a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from qsft.export.contract import INPUT_IDS, SCORE_INDEX, SEQLENS_K, TOTAL_SEQUENCE_LENGTH, USE_VALUE
from qsft.export.cpu_session import open_on_cpu
from qsft.policy.extraction import StepWeights, weight_columns

Array = NDArray[np.generic]

CACHE_TYPES = {
    "tensor(float)": TensorProto.FLOAT,
    "tensor(float16)": TensorProto.FLOAT16,
    "tensor(bfloat16)": TensorProto.BFLOAT16,
    "tensor(int8)": TensorProto.INT8,
}


@dataclass(frozen=True)
class Chunk:
    """What one row of a run feeds: token ids after `past` tokens that are in its slot's cache."""

    past: int
    ids: Sequence[int]


def policy_inputs(weights: Sequence[StepWeights]) -> dict[str, Array]:
    """What a step graph takes beside the models' inputs: the policy of each scored position."""
    return {name: column.numpy() for name, column in weight_columns(weights).items()}


class GraphRunner:
    """A session and the cache buffers it reads and writes; row i of a run uses slot i."""

    def __init__(self, path: Path, slots: int, cache_length: int, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # 0: as many as there are cores
        self._cache_length = cache_length
        self._session = open_on_cpu(path, options)
        self.caches: dict[str, Array] = {}
        for value in self._session.get_inputs():
            if "past." in value.name:
                shape = self._cache_shape(value.shape, slots)
                element = helper.tensor_dtype_to_np_dtype(CACHE_TYPES[value.type])
                self.caches[value.name] = np.zeros(shape, element)
        self._flags = {
            value.name: np.array(True)
            for value in self._session.get_inputs()
            if value.name == USE_VALUE
        }
        self._outputs = [
            value.name for value in self._session.get_outputs() if "present." not in value.name
        ]

    def run(
        self, chunks: Sequence[Chunk], score_index: Sequence[int], extra: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Feed one chunk to each of the first slots; shorter chunks are padded on the right.

        A step graph uses the value model unless `extra` says otherwise.
        """
        inputs: dict[str, Array] = {
            **self._fed(chunks),
            SCORE_INDEX: np.array(score_index, dtype=np.int64),
            **self._flags,
            **extra,
        }
        return self._run_bound(inputs, rows=len(chunks))

    def flat_positions(self, chunks: Sequence[Chunk]) -> list[int]:
        """The score index of every token of the chunks."""
        longest = max(len(chunk.ids) for chunk in chunks)
        return [
            row * longest + i for row, chunk in enumerate(chunks) for i in range(len(chunk.ids))
        ]

    def _cache_shape(self, declared: Sequence[int], slots: int) -> tuple[int, ...]:
        """Of one layer's keys, or values, where the graph declares `declared`."""
        _, kv_heads, _, head_dim = declared
        return (slots, kv_heads, self._cache_length, head_dim)

    def _bound(self, cache: Array, rows: int) -> Array:
        """The part of a cache that a run of so many rows takes."""
        return cache[:rows]  # the batch is the outermost axis: a contiguous view

    def _fed(self, chunks: Sequence[Chunk]) -> dict[str, Array]:
        """The ids, and where they belong."""
        longest = max(len(chunk.ids) for chunk in chunks)
        furthest = max(chunk.past for chunk in chunks) + longest
        if furthest > self._cache_length:
            raise ValueError(f"past + S is {furthest}, the cache holds {self._cache_length}")
        ids = np.zeros((len(chunks), longest), dtype=np.int64)
        for row, chunk in enumerate(chunks):
            ids[row, : len(chunk.ids)] = chunk.ids
        return {
            INPUT_IDS: ids,
            SEQLENS_K: np.array([chunk.past + longest - 1 for chunk in chunks], dtype=np.int32),
            TOTAL_SEQUENCE_LENGTH: np.array(furthest, dtype=np.int32),
        }

    def _run_bound(self, inputs: Mapping[str, Array], rows: int) -> dict[str, Array]:
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for past, cache in self.caches.items():
            part = self._bound(cache, rows)
            element = helper.np_dtype_to_tensor_dtype(cache.dtype)
            place = ("cpu", 0, element, part.shape, part.ctypes.data)
            binding.bind_input(past, *place)
            binding.bind_output(past.replace("past.", "present."), *place)
        for name in self._outputs:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        # Outputs come in the order in which they were bound: the caches first.
        results = binding.get_outputs()[len(self.caches) :]
        return {name: r.numpy() for name, r in zip(self._outputs, results, strict=True)}
