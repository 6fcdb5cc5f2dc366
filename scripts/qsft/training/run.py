"""A whole run: pretrain if asked, train φ, then θ with θ̄; each stage leaves its model behind."""

import copy
import json
import logging
import os
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from qsft.config import ConfigError, RunConfig, StageConfig
from qsft.encoding import load_tokenizer, load_trajectories, token_ids
from qsft.models import build_model, load_model
from qsft.training.batches import Trajectories
from qsft.training.behavior import BehaviorStage
from qsft.training.checkpoint import remove_checkpoint
from qsft.training.fit import FitData, Stage, fit
from qsft.training.value import ValueStage

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Context:
    config: RunConfig
    data: FitData
    out: Path
    device: torch.device


def train(config: RunConfig, out: Path, device: torch.device) -> None:
    """Run every stage that `out` does not hold yet, and write what `qsft export` reads.

    `out` gets `behavior/`, `value/`, the tokenizer's files and `training.json`. Interrupted, the
    same call goes on from the last checkpoint and ends with the same weights.
    """
    # What makes cuBLAS repeat itself; it must be set before CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("high")
    source = Path(config.data.tokenizer)
    tokenizer = load_tokenizer(source)
    reserved_ids, leftover_id = reserved_tokens(config, tokenizer)
    context = _Context(config, _load_data(config, tokenizer, device), out, device)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, out / name)

    base = build_model(config.model, tokenizer.get_vocab_size(), config.seed)
    vocab_size = base.get_output_embeddings().out_features
    reserved_ids += padding_ids(tokenizer, vocab_size)
    if config.pretrain is not None:
        stage = BehaviorStage("pretrain", base, tokens="all")
        base = _train_stage(context, stage, config.pretrain)
    behavior = _train_stage(
        context, BehaviorStage("behavior", copy.deepcopy(base), tokens="actions"), config.behavior
    )
    value_stage = ValueStage(
        base.to(device), behavior, config.value, reserved_ids, leftover_id, vocab_size
    )
    _train_stage(context, value_stage, config.value)
    _write_record(config, context, out)


def reserved_tokens(config: RunConfig, tokenizer: Tokenizer) -> tuple[tuple[int, ...], int]:
    """The ids of the run's reserved tokens and of its leftover token (0 where it needs none)."""
    data = config.data
    reserved = token_ids(tokenizer, data.reserved_tokens)
    if config.value.smoothing == "uniform":
        return reserved, 0
    if data.leftover_token not in data.reserved_tokens:
        raise ConfigError(
            "data.leftover_token: smoothing 'leftover' needs one of data.reserved_tokens, "
            f"got {data.leftover_token!r}"
        )
    return reserved, token_ids(tokenizer, [data.leftover_token])[0]


def padding_ids(tokenizer: Tokenizer, vocab_size: int) -> tuple[int, ...]:
    """Logits that stand for no token: a pretrained model rounds its vocabulary up."""
    tokens = tokenizer.get_vocab_size()
    if tokens > vocab_size:
        raise ConfigError(
            f"model.base: has {vocab_size} tokens, the tokenizer of data.tokenizer {tokens}"
        )
    return tuple(range(tokens, vocab_size))


def _load_data(config: RunConfig, tokenizer: Tokenizer, device: torch.device) -> FitData:
    def load(path: str) -> Trajectories:
        encoded = load_trajectories(Path(path), tokenizer, config.data.max_tokens)
        return Trajectories(encoded, config.reward, device)

    return FitData(train=load(config.data.train), held_out=load(config.data.held_out))


def _train_stage(context: _Context, stage: Stage, settings: StageConfig) -> PreTrainedModel:
    """Train one stage, or load what an earlier call finished."""
    folder = context.out / stage.name
    if (folder / "config.json").exists():
        logger.info("%s: finished before", stage.name)
        return load_model(folder).to(context.device)
    model = stage.model
    assert isinstance(model, PreTrainedModel)
    model.to(context.device)
    started = time.monotonic()
    if context.config.compile:
        for network in (model, *stage.averages().values(), *stage.frozen()):
            network.compile()  # in place: parameters keep their names in checkpoints
    with torch.random.fork_rng():
        fit(stage, settings, context.config, context.data, folder)
    logger.info("%s: %.0f s", stage.name, time.monotonic() - started)
    _save_model(model, folder)
    remove_checkpoint(folder)
    return model


def _save_model(model: PreTrainedModel, folder: Path) -> None:
    """Save so that config.json, which tells that the stage is finished, comes after all else."""
    part = folder.with_name(folder.name + ".part")
    model.save_pretrained(part)
    for file in sorted(part.iterdir(), key=lambda file: file.name == "config.json"):
        file.replace(folder / file.name)
    part.rmdir()


def _write_record(config: RunConfig, context: _Context, out: Path) -> None:
    """training.json: what went into this policy, for its manifest."""
    record = {
        "algorithm": "Q-SFT, arXiv 2411.05193",
        "config": asdict(config),
        "revision": _git_revision(),
        "trajectories": context.data.train.size,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if context.device.type == "cuda" else "cpu",
    }
    (out / "training.json").write_text(json.dumps(record, indent=2) + "\n")


def _git_revision() -> str | None:
    """The commit this package is at; None where it is not in a git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
