"""Two contexts of llama.cpp (llama-cpp-python's C functions), their logits combined in Python.

python llama_cpp_loop.py out/bench/gguf
"""

import argparse
import ctypes
import os
from pathlib import Path
from typing import Any

import numpy as np
import protocol
import torch
from torch import Tensor

MOST_SEQUENCES = 32
MOST_TOKENS = 256  # a sequence, prompt and answer


class LlamaCppModels:
    """`behavior.gguf` and `value.gguf` of one folder; a sequence of the batch is a llama_seq_id."""

    def __init__(self, folder: Path) -> None:
        import llama_cpp

        self._llama = llama_cpp
        llama_cpp.llama_backend_init()
        self._contexts = [self._open(folder / f"{role}.gguf") for role in ("behavior", "value")]
        self._batch = llama_cpp.llama_batch_init(MOST_SEQUENCES * MOST_TOKENS, 0, 1)
        self._length = 0

    def _open(self, path: Path) -> Any:
        llama = self._llama
        model = llama.llama_model_load_from_file(
            str(path).encode(), llama.llama_model_default_params()
        )
        params = llama.llama_context_default_params()
        params.n_ctx = MOST_SEQUENCES * MOST_TOKENS
        params.n_batch = MOST_SEQUENCES * MOST_TOKENS
        params.n_seq_max = MOST_SEQUENCES
        params.kv_unified = False
        params.n_threads = params.n_threads_batch = os.cpu_count() or 1
        return llama.llama_init_from_model(model, params)

    def prefill(self, prompts: Tensor, answer_tokens: int) -> protocol.Logits:
        for context in self._contexts:
            self._llama.llama_memory_clear(self._llama.llama_get_memory(context), True)
        self._length = 0
        return self._run(prompts)

    def decode(self, tokens: Tensor) -> protocol.Logits:
        return self._run(tokens[:, None])

    def _run(self, ids: Tensor) -> protocol.Logits:
        rows = ids.tolist()
        self._fill(rows)
        self._length += len(rows[0])
        behavior, value = (self._logits(context, len(rows)) for context in self._contexts)
        return behavior, value

    def _fill(self, rows: list[list[int]]) -> None:
        batch = self._batch
        batch.n_tokens = 0
        for sequence, row in enumerate(rows):
            for offset, token in enumerate(row):
                index = batch.n_tokens
                batch.token[index] = token
                batch.pos[index] = self._length + offset
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = sequence
                batch.logits[index] = offset == len(row) - 1
                batch.n_tokens += 1

    def _logits(self, context: Any, sequences: int) -> Tensor:
        status = self._llama.llama_decode(context, self._batch)
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}")
        # Only the outputs that were asked for, in the order of the batch.
        rows = ctypes.cast(self._llama.llama_get_logits(context), ctypes.POINTER(ctypes.c_float))
        shape = (sequences, protocol.VOCABULARY)
        return torch.from_numpy(np.ctypeslib.as_array(rows, shape=shape))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time two contexts of llama.cpp.")
    parser.add_argument("folder", type=Path, help="a folder with behavior.gguf and value.gguf")
    arguments = parser.parse_args()
    protocol.serve(["llama_cpp"], lambda: LlamaCppModels(arguments.folder))


if __name__ == "__main__":
    main()
