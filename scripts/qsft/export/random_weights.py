"""Random weights that are the same on every machine, for policies that nobody trained."""

import numpy as np
import torch
from torch import nn


def draw_weights(model: nn.Module, seed: int, scale: float) -> None:
    """Normal weights in every matrix, by numpy's generator: torch's differs between builds."""
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        for _, weight in sorted(model.named_parameters()):
            if weight.dim() == 2:
                drawn = generator.standard_normal(weight.shape, dtype=np.float32)
                weight.copy_(torch.from_numpy(drawn) * scale)
