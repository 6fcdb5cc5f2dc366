"""How far two computations of the same thing are apart, and how far they may be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from qsft.export.contract import Precision
from qsft.export.graph_runner import Array
from qsft.export.options import Divergence, ExportError, ExportOptions, Verification
from qsft.policy.extraction import PolicyStep


@dataclass(frozen=True)
class Limits:
    """The largest differences an export may show; differences are relative to 1 + |reference|."""

    mean_kl: float  # nats, from PyTorch in float32
    logits: float  # between PyTorch and ONNX Runtime
    schedule: float  # between ways of running the same prompts
    combination: float = 1e-3  # between the graph and the Python reference, on the same logits


# Logits of SmolLM2 with trained adapters differ within PyTorch, too, at some of 271 positions: its
# float32 by 8e-4 from float64, its bfloat16 by 4.7 from float32, with a mean KL of 0.03. Of its
# float16 the policy's mean KL is 0.002, nearly all of it one position's. In int8 it is 0.12 to 0.17
# on the random tokens that verify, three times what it is on text; and between schedules, where its
# rounding magnifies attention's last bits, it differs by 0.28 at a position, int4 by 0.13.
LIMITS: dict[Precision, Limits] = {
    "fp32": Limits(mean_kl=1e-6, logits=5e-3, schedule=1e-3),
    "fp16": Limits(mean_kl=5e-3, logits=np.inf, schedule=0.1),
    "bf16": Limits(mean_kl=0.05, logits=np.inf, schedule=0.8),
    "int8": Limits(mean_kl=0.5, logits=np.inf, schedule=0.8),
    "int4": Limits(mean_kl=0.5, logits=np.inf, schedule=0.8),
}


def limits_of(options: ExportOptions) -> Limits:
    """An int8 cache may differ as int8 weights may, and int4 by more than either."""
    if options.int8_cache and options.precision == "fp32":
        return LIMITS["int8"]
    return LIMITS[options.precision]


def largest_difference(actual: Mapping[str, Array], expected: Mapping[str, Array]) -> float:
    """Over all outputs, relative to 1 + |expected|; NaN counts as infinite."""
    largest = 0.0
    for name, reference in expected.items():
        wide = reference.astype(np.float64)
        difference = np.abs(actual[name].astype(np.float64) - wide) / (1 + np.abs(wide))
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max()))
    return largest


def divergence(reference: Tensor, other: Tensor) -> Divergence:
    """Over all rows, (N, V)."""
    return summarize(row_divergences(reference, other))


def row_divergences(reference: Tensor, other: Tensor) -> Tensor:
    """KL(reference ‖ other) of each row's distribution, (N,); both unnormalized logs, (N, V)."""
    p, q = reference.double().log_softmax(-1), other.double().log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1).clamp(min=0.0)  # below 0 only by rounding


def summarize(per_row: Tensor) -> Divergence:
    return Divergence(mean=per_row.mean().item(), max=per_row.max().item())


def outputs_of(step: PolicyStep) -> dict[str, Array]:
    """The reference's outputs under the graph's names, but for `argmax`, which jumps."""
    return {
        "scores": step.scores.numpy(),
        "behavior_logprobs": step.behavior_logprobs.numpy(),
        "value_probs": step.value_probs.numpy(),
        "log_normalizer": step.log_normalizer.numpy(),
        "kl": step.kl.numpy(),
    }


def check_limits(verification: Verification, options: ExportOptions) -> None:
    """Refuse what is further from PyTorch, or from itself, than its precision explains."""
    limits = limits_of(options)
    mean_kl = limits.mean_kl if options.mean_kl_limit is None else options.mean_kl_limit
    found = {
        **{f"mean KL of {name}": (kl.mean, mean_kl) for name, kl in verification.kl.items()},
        "logits": (verification.logits_difference, limits.logits),
        "combination": (verification.combination_difference, limits.combination),
        "schedules": (verification.schedule_difference, limits.schedule),
    }
    wrong = [
        f"{name}: {value:.3g}, at most {limit:g} allowed"
        for name, (value, limit) in found.items()
        if not value <= limit
    ]
    if wrong:
        found_at = f"at {options.precision}, {verification.positions} positions"
        raise ExportError(f"ONNX Runtime differs from PyTorch ({found_at}): {'; '.join(wrong)}")
