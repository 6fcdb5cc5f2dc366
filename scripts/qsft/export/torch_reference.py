"""What PyTorch says: the logits of a checkpoint's models, one full forward pass a prompt."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from qsft.export.contract import ModelRole


def torch_logits(checkpoint: Path, role: ModelRole, prompts: Sequence[Sequence[int]]) -> Tensor:
    """Logits at every position of every prompt, one after the other, (positions, V)."""
    return torch.cat(list(prompt_logits(checkpoint, role, prompts)))


def prompt_logits(
    checkpoint: Path, role: ModelRole, prompts: Sequence[Sequence[int]]
) -> Iterator[Tensor]:
    """Logits of one prompt after the other, (its positions, V): together they may be large."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint / role, dtype=torch.float32).eval()
    for prompt in prompts:
        # Left before the yield: whoever takes these in turns with others would have no gradients.
        with torch.no_grad():
            logits = model(torch.tensor([list(prompt)])).logits[0]
        yield logits
