"""The loop that everyone writes first: two Transformers models, batched, each with its KV cache.

python transformers_loop.py out/bench/checkpoint bf16
"""

import argparse
from pathlib import Path

import protocol
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, Cache, PreTrainedModel

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class TransformersModels:
    """`behavior` and `value` of one checkpoint."""

    def __init__(self, checkpoint: Path, dtype: torch.dtype) -> None:
        self._models: list[PreTrainedModel] = [
            AutoModelForCausalLM.from_pretrained(checkpoint / role, dtype=dtype).eval()
            for role in ("behavior", "value")
        ]
        self._caches: list[Cache | None] = []

    def prefill(self, prompts: Tensor, answer_tokens: int) -> protocol.Logits:
        self._caches = [None, None]
        return self._forward(prompts)

    def decode(self, tokens: Tensor) -> protocol.Logits:
        return self._forward(tokens[:, None])

    def _forward(self, ids: Tensor) -> protocol.Logits:
        outputs = [
            model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            for model, cache in zip(self._models, self._caches, strict=True)
        ]
        self._caches = [output.past_key_values for output in outputs]
        behavior, value = outputs
        return behavior.logits[:, -1], value.logits[:, -1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a Transformers loop over two models.")
    parser.add_argument("checkpoint", type=Path, help="a folder with behavior/ and value/")
    parser.add_argument("precision", choices=DTYPES, help="of weights, activations and cache")
    arguments = parser.parse_args()
    protocol.serve(
        ["transformers"],
        lambda: TransformersModels(arguments.checkpoint, DTYPES[arguments.precision]),
    )


if __name__ == "__main__":
    main()
