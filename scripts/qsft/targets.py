"""The empirical Bellman probability operator of Q-SFT (arXiv 2411.05193, section 4), made safe.

B̂*p_θ̄(a|s) = r + γ · max_a' p_θ̄(a'|s') / π_φ(a'|s'). Where π_φ(a'|s') is tiny, the mass that
smoothing leaves on a' makes the ratio explode, so the max runs over the tokens that π_φ supports;
a weight outside [0, 1] makes eq. 3 unbounded below, so weights are clamped. Both are reported.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

GammaMode = Literal["token", "turn"]


@dataclass(frozen=True, slots=True)
class NextValue:
    """max_a' p_θ̄/π_φ over supported tokens, and what the restriction did. All tensors (n,)."""

    ratio: Tensor
    support_size: Tensor
    unrestricted_ratio: Tensor


def next_value(value_logprobs: Tensor, behavior_logprobs: Tensor, threshold: float) -> NextValue:
    """max_{a': π_φ(a'|s') ≥ threshold} p_θ̄(a'|s')/π_φ(a'|s') for each row.

    Both inputs (n, vocab), log-probabilities in float32 with reserved ids at about −1e9 in
    `behavior_logprobs`. The most probable token counts as supported whatever the threshold.
    """
    # A reserved id is no action: its π_φ is zero, not small.
    reserved = behavior_logprobs < -1e8
    log_ratio = (value_logprobs - behavior_logprobs).masked_fill(reserved, -torch.inf)
    top = behavior_logprobs.amax(dim=1, keepdim=True)
    floor = torch.full_like(top, threshold).log().minimum(top)
    supported = (behavior_logprobs >= floor) & ~reserved
    restricted = log_ratio.masked_fill(~supported, -torch.inf)
    return NextValue(
        ratio=restricted.amax(dim=1).exp(),
        support_size=supported.sum(dim=1),
        unrestricted_ratio=log_ratio.amax(dim=1).exp(),
    )


def bellman_weights(rewards: Tensor, gammas: Tensor, next_values: Tensor) -> Tensor:
    """w = clamp(r + γ·clamp(q(s'), 0, 1), 0, 1); all (n,). Where s' is terminal, pass γ = 0."""
    return (rewards + gammas * next_values.clamp(0, 1)).clamp(0, 1)


def step_gammas(gamma: float, mode: GammaMode, ends_turn: Tensor, terminal: Tensor) -> Tensor:
    """γ for each action token: applied at every token, or only where an utterance ends.

    ends_turn, terminal: bool (...); a terminal token has no next state and gets 0.
    """
    every = torch.full(ends_turn.shape, gamma, device=ends_turn.device)
    gammas = every if mode == "token" else torch.where(ends_turn, every, torch.ones_like(every))
    return gammas.masked_fill(terminal, 0.0)
