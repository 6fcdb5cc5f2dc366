"""What an export is asked to do and what it reports back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qsft.export.cache_layout import PAGED, SLOTS, CacheLayout
from qsft.export.contract import CacheType, Precision, cache_type
from qsft.policy.extraction import PolicyParameters


class ExportError(Exception):
    """The checkpoint cannot be exported; the message says which part and why."""


@dataclass(frozen=True)
class ExportOptions:
    """Everything of a policy folder that is not in the checkpoint."""

    id: str
    eos_token_ids: tuple[int, ...]
    reserved_token_ids: tuple[int, ...]
    precision: Precision = "fp32"
    int8_cache: bool = False  # keys and values in 8 bits; otherwise in what attention computes in
    twin: bool = False  # adapters on one base stay so, instead of becoming two whole models
    block_size: int | None = None  # tokens of a block of a paged cache; None gives slots
    defaults: PolicyParameters = field(default_factory=PolicyParameters)
    support_threshold: float = 1e-3
    prompt_prefix: str | None = None
    fill_in_the_middle: str | None = None  # a prompt with a gap, with {prefix} and {suffix}
    chat_stop_strings: tuple[str, ...] = ()  # what ends every answer of a conversation
    training: Mapping[str, Any] = field(default_factory=dict)
    mean_kl_limit: float | None = None  # nats from PyTorch; None takes the precision's own
    held_out: Path | None = None  # trajectories to measure the precision's cost on
    created: int | None = None  # seconds since the epoch; None takes the clock's
    replace: bool = False  # whether an existing folder may be replaced

    @property
    def cache_type(self) -> CacheType:
        return "int8" if self.int8_cache else cache_type(self.precision)

    @property
    def layout(self) -> CacheLayout:
        return SLOTS if self.block_size is None else PAGED

    @property
    def is_exact(self) -> bool:
        """Whether nothing is rounded below float32."""
        return self.precision == "fp32" and not self.int8_cache


@dataclass(frozen=True)
class Divergence:
    """KL(PyTorch ‖ ONNX Runtime) over the verified positions, in nats."""

    mean: float
    max: float


@dataclass(frozen=True)
class Verification:
    """What the comparison on random prompts found; differences are relative to 1 + |reference|."""

    positions: int
    kl: Mapping[str, Divergence]  # of `behavior`, `value` and `policy`
    logits_difference: float  # between PyTorch and ONNX Runtime
    combination_difference: float  # between the graph and the Python reference on equal logits
    schedule_difference: float  # between one full prefill and chunks or batches


@dataclass(frozen=True)
class PrecisionCost:
    """How far a precision takes the policy from fp32, at its default extraction and β."""

    data: str  # what it was measured on
    tokens: int
    kl: Divergence


@dataclass(frozen=True)
class ExportReport:
    """A folder that was written, what verified it and, below fp32, what its precision costs."""

    folder: Path
    bytes: int
    verification: Verification
    cost: PrecisionCost | None
