"""The two losses of Q-SFT (arXiv 2411.05193, section 4), as pure functions to minimise."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100

Smoothing = Literal["uniform", "leftover"]


def behavior_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Eq. 2: L_CE(φ) = −E_(s,a)~D [log π_φ(a|s)].

    logits (b, time, vocab), tokens (b, time) with IGNORED where a position does not count.
    Returns the mean over those that do, a scalar.
    """
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), tokens.flatten(), ignore_index=IGNORED
    )


def value_loss(
    value_logprobs: Tensor, actions: Tensor, weights: Tensor, smoothing: Smoothing, leftover_id: int
) -> Tensor:
    """Eq. 3: cross-entropy with a target of weight w on the data's action.

    value_logprobs (n, vocab) = log p_θ(·|s), actions (n,), weights (n,) = B̂*p_θ̄(a|s) in [0, 1].

    `uniform` is the paper's eq. 3: −[w·log p(a) + (1−w)/(|A|−1)·Σ_{a'≠a} log p(a')].
    `leftover` is the form eq. 3 is derived from, −[w·log p(a) + (1−w)·log p(a_d)], with a reserved
    token for the dummy action a_d; its optimum is exactly p(a|s) = w·π_β(a|s), without a floor.
    """
    chosen = value_logprobs.gather(1, actions[:, None]).squeeze(1)
    if smoothing == "uniform":
        others = (value_logprobs.sum(dim=1) - chosen) / (value_logprobs.shape[1] - 1)
    else:
        others = value_logprobs[:, leftover_id]
    return -(weights * chosen + (1 - weights) * others).mean()


def reserved_mask(vocab_size: int, reserved_ids: tuple[int, ...], device: torch.device) -> Tensor:
    """(vocab,) additive mask: −1e9 at ids that are no action, 0 elsewhere."""
    mask = torch.zeros(vocab_size, device=device)
    mask[list(reserved_ids)] = -1e9
    return mask
