"""Two Generators of onnxruntime-genai, their logits combined in Python.

python genai_loop.py out/bench/genai/int4
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import protocol
import torch
from torch import Tensor

if TYPE_CHECKING:
    from onnxruntime_genai import Generator

FORCED = 1e4  # a logit that leaves one token


class GenaiModels:
    """`behavior` and `value`, a folder each as the model builder writes it."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime_genai

        self._genai = onnxruntime_genai
        self._models = [
            onnxruntime_genai.Model(str(folder / role)) for role in ("behavior", "value")
        ]
        self._generators: list[Generator] = []

    def prefill(self, prompts: Tensor, answer_tokens: int) -> protocol.Logits:
        concurrency, prompt_tokens = prompts.shape
        self._generators = []
        for model in self._models:
            params = self._genai.GeneratorParams(model)
            params.set_search_options(
                max_length=prompt_tokens + answer_tokens, batch_size=concurrency, do_sample=False
            )
            generator = self._genai.Generator(model, params)
            generator.append_tokens(prompts.to(torch.int32).numpy())
            self._generators.append(generator)
        return self._logits()

    def decode(self, tokens: Tensor) -> protocol.Logits:
        # A batch takes no appended tokens after its prompt: the token is forced through the search.
        forced = torch.zeros(len(tokens), 1, protocol.VOCABULARY)
        forced[torch.arange(len(tokens)), 0, tokens] = FORCED
        for generator in self._generators:
            generator.set_logits(forced.numpy())
            generator.generate_next_token()
        return self._logits()

    def _logits(self) -> protocol.Logits:
        behavior, value = (torch.from_numpy(g.get_logits())[:, -1] for g in self._generators)
        return behavior, value


def main() -> None:
    parser = argparse.ArgumentParser(description="Time two Generators of onnxruntime-genai.")
    parser.add_argument("folder", type=Path, help="a folder with behavior/ and value/")
    arguments = parser.parse_args()
    protocol.serve(["onnxruntime_genai"], lambda: GenaiModels(arguments.folder))


if __name__ == "__main__":
    main()
