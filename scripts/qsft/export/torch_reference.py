"""What PyTorch says: the logits of a checkpoint's models, one full forward pass a prompt."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from qsft.export.contract import ModelRole


def torch_logits(checkpoint: Path, role: ModelRole, prompts: Sequence[Sequence[int]]) -> Tensor:
    """Logits at every position of every prompt, one after the other, (positions, V)."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint / role, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = [model(torch.tensor([list(prompt)])).logits[0] for prompt in prompts]
    return torch.cat(logits)
