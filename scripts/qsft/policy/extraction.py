"""Policy extraction: behavior π_φ and value p_θ become one policy π̂ (Q-SFT, arXiv 2411.05193).

    π̂(a|s) ∝ π_φ(a|s)^behavior_weight · exp(β · q(a|s))

The exported graph computes the same; the export compares the two and refuses a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Extraction = Literal["kl", "entropy", "greedy", "behavior"]
QForm = Literal["probability", "ratio"]

RESERVED_LOGIT = -1e9
"""What a reserved token's behavior logit becomes before the softmax."""
RESERVED_SCORE = torch.finfo(torch.float32).min
"""The score of a reserved token: the lowest float32."""


@dataclass(frozen=True)
class PolicyParameters:
    """What one request may set of the policy."""

    extraction: Extraction = "kl"
    beta: float = 1.0
    q: QForm = "probability"


@dataclass(frozen=True)
class StepWeights:
    """The three numbers that the step graph takes for each scored row."""

    beta: float
    behavior_weight: float
    ratio: float


@dataclass(frozen=True)
class PolicyStep:
    """What one scored position knows of its policy; N positions, V tokens."""

    scores: Tensor  # (N, V), the lowest float32 at reserved tokens
    behavior_logprobs: Tensor  # (N, V)
    value_probs: Tensor  # (N, V), 0 at reserved tokens
    log_normalizer: Tensor  # (N,)
    kl: Tensor  # (N,) in nats
    argmax: Tensor  # (N,)


def step_weights(parameters: PolicyParameters) -> StepWeights:
    """Map a request's extraction to the weights of the step graph."""
    ratio = 1.0 if parameters.q == "ratio" else 0.0
    match parameters.extraction:
        case "kl":
            return StepWeights(parameters.beta, 1.0, ratio)
        case "entropy":
            return StepWeights(parameters.beta, 0.0, ratio)
        case "greedy":
            return StepWeights(1.0, 0.0, ratio)
        case "behavior":
            return StepWeights(0.0, 1.0, ratio)


def weight_columns(weights: Sequence[StepWeights]) -> dict[str, Tensor]:
    """The weights of N rows by the names of the step graph's inputs, (N,) each."""
    return {
        "beta": torch.tensor([row.beta for row in weights], dtype=torch.float32),
        "behavior_weight": torch.tensor(
            [row.behavior_weight for row in weights], dtype=torch.float32
        ),
        "ratio": torch.tensor([row.ratio for row in weights], dtype=torch.float32),
    }


def extract(
    behavior_logits: Tensor,  # (N, V)
    value_logits: Tensor,  # (N, V)
    weights: Sequence[StepWeights],  # N
    reserved_token_ids: Sequence[int],
    support_threshold: float,
) -> PolicyStep:
    """Combine both models' logits into the policy of each row."""
    column = {name: rows.unsqueeze(-1) for name, rows in weight_columns(weights).items()}
    reserved = _mask(reserved_token_ids, behavior_logits)
    behavior_logprobs = extract_behavior(behavior_logits, reserved_token_ids)
    # Over all tokens: p_θ = w·π_φ needs the mass that training left on the dummy token.
    value = value_logits.softmax(-1)
    ratio = value_ratio(value, behavior_logprobs.exp(), support_threshold)
    q = torch.where(column["ratio"] > 0, ratio, value)
    combined = column["behavior_weight"] * behavior_logprobs + column["beta"] * q
    scores = combined.masked_fill(reserved, RESERVED_SCORE)

    log_normalizer = scores.logsumexp(-1)
    log_policy = scores - log_normalizer.unsqueeze(-1)
    divergence = log_policy.exp() * (log_policy - behavior_logprobs)
    return PolicyStep(
        scores=scores,
        behavior_logprobs=behavior_logprobs,
        value_probs=value.masked_fill(reserved, 0.0),
        log_normalizer=log_normalizer,
        kl=divergence.masked_fill(reserved, 0.0).sum(-1),
        argmax=scores.argmax(-1),
    )


def extract_behavior(logits: Tensor, reserved_token_ids: Sequence[int]) -> Tensor:
    """log π_φ over the tokens that are not reserved, (N, V)."""
    reserved = _mask(reserved_token_ids, logits)
    return logits.masked_fill(reserved, RESERVED_LOGIT).log_softmax(-1)


def value_ratio(value: Tensor, behavior: Tensor, support_threshold: float) -> Tensor:
    """Q̂ = min(p_θ/π_φ, 1) on tokens the behavior model supports, else 0; all (N, V)."""
    supported = behavior >= support_threshold
    return torch.where(supported, (value / behavior).clamp(max=1.0), 0.0)


def _mask(token_ids: Sequence[int], logits: Tensor) -> Tensor:
    """(V,): whether a token is one of those named; on the device of the logits (N, V)."""
    mask = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
    mask[list(token_ids)] = True
    return mask
