"""The two losses of Q-SFT (arXiv 2411.05193, section 4), as pure functions to minimise."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor
from torch.nn import functional

Smoothing = Literal["uniform", "leftover"]


def behavior_losses(logits: Tensor, tokens: Tensor) -> Tensor:
    """Eq. 2: L_CE(φ) = −E_(s,a)~D [log π_φ(a|s)], of each token; its mean is to be minimised.

    logits (n, vocab), tokens (n,). Returns (n,).
    """
    return functional.cross_entropy(logits.float(), tokens, reduction="none")


def value_loss(
    value_logprobs: Tensor,
    actions: Tensor,
    weights: Tensor,
    smoothing: Smoothing,
    leftover_id: int,
    reserved_ids: Sequence[int] = (),
) -> Tensor:
    """Eq. 3: cross-entropy with a target of weight w on the data's action.

    value_logprobs (n, vocab) = log p_θ(·|s), actions (n,), weights (n,) = B̂*p_θ̄(a|s) in [0, 1].

    `uniform` is the paper's eq. 3: −[w·log p(a) + (1−w)/(|A|−1)·Σ_{a'≠a} log p(a')]; a reserved
    id is no action, so it is neither in the sum nor in |A|.
    `leftover` is the form eq. 3 is derived from, −[w·log p(a) + (1−w)·log p(a_d)], with a reserved
    token for the dummy action a_d; its optimum is exactly p(a|s) = w·π_β(a|s), without a floor.
    """
    chosen = value_logprobs.gather(1, actions[:, None]).squeeze(1)
    if smoothing == "uniform":
        reserved = value_logprobs[:, list(reserved_ids)].sum(dim=1)
        count = value_logprobs.shape[1] - len(reserved_ids)
        others = (value_logprobs.sum(dim=1) - reserved - chosen) / (count - 1)
    else:
        others = value_logprobs[:, leftover_id]
    return -mean(weights * chosen + (1 - weights) * others)


def mean(values: Tensor) -> Tensor:
    """The mean of (n,); 0 where n is, so that nothing to learn from is no gradient, not NaN."""
    return values.sum() / max(1, len(values))
