"""How a peer is timed: a JSON line in says how much to decode, a JSON line out how long it took.

    {"concurrency": 8, "promptTokens": 32, "answerTokens": 64}
    {"prefillSeconds": 0.9, "seconds": 6.1, "tokens": 512}

The first line out is {"ready": true}, or {"missing": "PACKAGE"} where a package is not installed.
A peer gives both models' logits; the combination and the draw are the same for all, in PyTorch.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

BETA = 1.0
FIRST_WORD = 2  # ids below are reserved
VOCABULARY = 49_152

Logits = tuple[Tensor, Tensor]  # behavior's and value's, (concurrency, vocabulary) each


class TwoModels(Protocol):
    """Both models with their caches, every sequence of a batch as long as the others."""

    def prefill(self, prompts: Tensor, answer_tokens: int) -> Logits:
        """Start anew with `prompts`, (concurrency, prompt tokens); logits after the last token."""

    def decode(self, tokens: Tensor) -> Logits:
        """Append one token a sequence, (concurrency,)."""


def draw(behavior: Tensor, value: Tensor) -> Tensor:
    """One token a sequence from log π_φ + β · p_θ at temperature 1."""
    scores = torch.log_softmax(behavior.float(), -1) + BETA * torch.softmax(value.float(), -1)
    scores[:, :FIRST_WORD] = -torch.inf
    return torch.multinomial(torch.softmax(scores, -1), 1).squeeze(-1)


def serve(packages: Sequence[str], load: Callable[[], TwoModels]) -> None:
    """Answer every line of stdin."""
    try:
        models = load()
    except ModuleNotFoundError as error:
        if error.name not in packages:
            raise
        print(json.dumps({"missing": error.name}), flush=True)
        return
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_run(models, **json.loads(line))), flush=True)


@torch.inference_mode()
def _run(
    models: TwoModels, concurrency: int, promptTokens: int, answerTokens: int
) -> dict[str, float]:
    prompts = torch.randint(FIRST_WORD, VOCABULARY, (concurrency, promptTokens))
    started = time.perf_counter()
    tokens = draw(*models.prefill(prompts, answerTokens))
    prefilled = time.perf_counter()
    for _ in range(answerTokens - 1):
        tokens = draw(*models.decode(tokens))
    return {
        "prefillSeconds": prefilled - started,
        "seconds": time.perf_counter() - started,
        "tokens": concurrency * answerTokens,
    }
