"""One run, one TOML file: what is trained, on what, how long and with which settings of Q-SFT."""

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from qsft.losses import Smoothing
from qsft.targets import GammaMode

Precision = Literal["fp32", "bf16"]
ValueStart = Literal["base", "behavior"]


class ConfigError(ValueError):
    """A run file is wrong; the message names the key."""


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers a key may have, both ends included."""

    low: float
    high: float = math.inf


Count = Annotated[int, Range(1)]
Natural = Annotated[int, Range(0)]
Share = Annotated[float, Range(0, 1)]
NonNegative = Annotated[float, Range(0)]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Either `base` (`bases.locate_base` says what it may be), or the shape of a fresh Llama."""

    base: str | None = None
    # Only the base's architecture and tokenizer: what its pretraining is worth.
    random_weights: bool = False
    layers: Count = 6
    width: Count = 192
    heads: Count = 6
    kv_heads: Count = 6
    intermediate: Count = 512
    max_length: Count = 128


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """One adapter for each model on one frozen base, instead of all weights twice."""

    rank: Count = 16
    alpha: NonNegative = 32.0
    dropout: Share = 0.0
    # Only the last so many layers have adapters: both models share what is below them.
    layers: Count | None = None
    # What the frozen base is held in; adapters are float32 whatever it is.
    base_precision: Precision = "fp32"


@dataclass(frozen=True, slots=True)
class StageConfig:
    """How long and how fast one stage learns. `batch_size` counts trajectories."""

    steps: Count
    batch_size: Count = 128
    learning_rate: NonNegative = 1e-4
    warmup_steps: Natural = 100
    final_learning_rate_share: Share = 0.1
    weight_decay: NonNegative = 0.01
    clip_norm: NonNegative = 1.0
    # bf16 multiplies in bfloat16. Its rounding of logits feeds the max of the Bellman target, which
    # overestimates with every bit of noise, so the value stage wants fp32.
    precision: Precision = "fp32"
    # Trajectories in one forward pass; a batch of more is the sum of several passes.
    micro_batch_size: Count | None = None


@dataclass(frozen=True, slots=True)
class ValueConfig(StageConfig):
    """Settings of eq. 3 and its target; `targets.py` says why max and weight are bounded."""

    gamma: Share = 0.99
    gamma_mode: GammaMode = "turn"
    support_threshold: Share = 1e-3
    smoothing: Smoothing = "uniform"
    # α of θ̄ ← (1−α)θ̄ + αθ
    target_rate: Share = 0.005
    # First steps whose weights are the data's own discounted returns: max-free, so they cannot
    # overestimate, and θ starts the Bellman backups from the behavior's value instead of from 1.
    return_steps: Natural = 0
    # Where θ and θ̄ start: where φ started (the paper's choice), or at φ, where every ratio is 1.
    start: ValueStart = "base"


@dataclass(frozen=True, slots=True)
class RewardConfig:
    """The returns that become a terminal reward of 0 and of 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Trajectory files: JSON lines, or what `qsft encode` made of them."""

    train: str
    held_out: str
    # Longest trajectory, in tokens.
    max_tokens: Count
    # Folder of the tokenizer's files; without one, the tokenizer is that of `model.base`.
    tokenizer: str | None = None
    # Tokens that are no action: never emitted, and no part of π_φ.
    reserved_tokens: tuple[str, ...] = ()
    # The dummy action of `smoothing = "leftover"`; one of the reserved tokens.
    leftover_token: str | None = None


@dataclass(frozen=True, slots=True)
class RunConfig:
    # What is learned, for the record.
    task: str
    data: DataConfig
    reward: RewardConfig
    behavior: StageConfig
    value: ValueConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    lora: LoraSettings | None = None
    # Loss on every token, the environment's too, before φ and θ start from the result.
    pretrain: StageConfig | None = None
    seed: Natural = 0
    compile: bool = False
    # Each forward pass takes its trajectories as one row without padding, each seeing itself alone.
    packing: bool = False
    # Recompute activations instead of keeping them.
    gradient_checkpointing: bool = False
    log_every: Count = 50
    evaluate_every: Count = 500
    checkpoint_every: Count = 1000
    # Held-out trajectories that an evaluation looks at.
    evaluation_batch_size: Count = 1024


def load_config(path: Path) -> RunConfig:
    """Read a run file; raise ConfigError at the first key that is unknown, missing or mistyped."""
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name}: {error}") from None
    config: RunConfig = _parse(RunConfig, record, "")
    reward = config.reward
    if not -math.inf < reward.low < reward.high < math.inf:
        raise ConfigError(f"reward.low: must lie below reward.high {reward.high}, got {reward.low}")
    return config


def _parse(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _parse_table(kind, value, where)
    if get_origin(kind) is Annotated:
        number, allowed = get_args(kind)
        parsed = _parse(number, value, where)
        if not allowed.low <= parsed <= allowed.high:
            raise ConfigError(f"{where}: must be {allowed.low} to {allowed.high}, got {parsed}")
        return parsed
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ConfigError(f"{where}: must be one of {get_args(kind)}, got {value!r}")
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list, got {value!r}")
        return tuple(_parse(get_args(kind)[0], item, where) for item in value)
    if get_args(kind):  # X | None; TOML has no null, so a value present is an X
        return _parse(next(arg for arg in get_args(kind) if arg is not type(None)), value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value


def _parse_table(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ConfigError(f"{where or 'file'}: expected a table, got {value!r}")
    types = get_type_hints(kind, include_extras=True)
    prefix = where + "." if where else ""
    for key in value:
        if key not in types:
            raise ConfigError(f"{prefix}{key}: unknown; known here: {', '.join(types)}")
    for item in dataclasses.fields(kind):
        required = item.default is dataclasses.MISSING and (
            item.default_factory is dataclasses.MISSING
        )
        if required and item.name not in value:
            raise ConfigError(f"{prefix}{item.name}: missing")
    return kind(**{key: _parse(types[key], entry, prefix + key) for key, entry in value.items()})
