"""A whole run: pretrain if asked, train φ, then θ with θ̄; each stage leaves its model behind.

One model passes through all stages. Which of its parameters are trainable, all or an adapter's, is
decided once; φ and θ̄ are kept as other values for them (`parameters.py`).
"""

import json
import logging
import os
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from peft import PeftModel, load_peft_weights
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel

from qsft.adapters import BASE_FOLDER
from qsft.bases import end_of_sequence_ids, start_model, write_tokenizer
from qsft.config import ConfigError, RunConfig, StageConfig
from qsft.encoding import load_tokenizer, load_trajectories, token_ids
from qsft.models import add_adapter
from qsft.record import RECORD_FILE
from qsft.training.batches import Trajectories
from qsft.training.behavior import BehaviorStage
from qsft.training.checkpoint import remove_checkpoint
from qsft.training.fit import FitData, Stage, fit
from qsft.training.parameters import ParameterCopy
from qsft.training.processes import Processes, assign
from qsft.training.settings import check_settings, store_settings
from qsft.training.value import ValueStage

logger = logging.getLogger(__name__)

_STAGES = ("pretrain", "behavior", "value")


@dataclass(frozen=True, slots=True)
class _Context:
    config: RunConfig
    data: FitData
    out: Path
    processes: Processes


def train(config: RunConfig, out: Path, processes: Processes, restart: bool = False) -> None:
    """Run every stage that `out` does not hold yet, and write what `qsft export` reads.

    `out` gets the two models, whole or as adapters (`qsft.adapters`), the tokenizer's files and
    `training.json`. Interrupted, the same call goes on from the last checkpoint and ends with the
    same weights. `restart` throws away what `out` holds.
    """
    # What makes cuBLAS repeat itself; it must be set before CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("high")
    if processes.is_first:
        _prepare_folder(config, out, restart)
        write_tokenizer(config, out)
    processes.wait()
    tokenizer = load_tokenizer(out)
    reserved_ids, leftover_id = reserved_tokens(config, tokenizer)
    context = _Context(config, _load_data(config, tokenizer, processes), out, processes)

    base = start_model(config, tokenizer.get_vocab_size())
    vocab_size = base.get_output_embeddings().out_features
    reserved_ids = tuple(sorted({*reserved_ids, *padding_ids(tokenizer, vocab_size)}))
    if config.gradient_checkpointing:
        base.activation_checkpointing_enable({"use_reentrant": False})
    model = base
    if config.lora is not None:
        _save_once(base, out / BASE_FOLDER, processes)
        base.name_or_path = BASE_FOLDER  # what the adapters say that they adapt
        model = add_adapter(base, config.lora, config.seed)
    model.to(processes.device)
    processes.shard(model)
    _run_stages(context, model, reserved_ids, leftover_id)
    if processes.is_first:
        _write_record(context, reserved_ids, end_of_sequence_ids(base))
    processes.wait()


def _run_stages(
    context: _Context, model: torch.nn.Module, reserved_ids: tuple[int, ...], leftover_id: int
) -> None:
    config = context.config
    if config.compile:
        model.compile()  # in place: parameters keep their names in checkpoints
    if config.pretrain is not None:
        _train_stage(context, BehaviorStage("pretrain", model, tokens="all"), config.pretrain)
    start = ParameterCopy(model)
    _train_stage(context, BehaviorStage("behavior", model, tokens="actions"), config.behavior)
    behavior = ParameterCopy(model)
    if config.value.start == "base":
        start.restore()
    del start
    stage = ValueStage(model, behavior, config.value, reserved_ids, leftover_id)
    _train_stage(context, stage, config.value)


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
    ids = set(tokenizer.get_vocab().values())
    if max(ids) >= vocab_size:
        raise ConfigError(
            f"model.base: has {vocab_size} tokens, the tokenizer's ids reach {max(ids)}"
        )
    return tuple(token_id for token_id in range(vocab_size) if token_id not in ids)


def _prepare_folder(config: RunConfig, out: Path, restart: bool) -> None:
    for name in _STAGES:
        if restart:
            shutil.rmtree(out / name, ignore_errors=True)
        check_settings(config, name, out / name)
    if restart:
        shutil.rmtree(out / BASE_FOLDER, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)


def _load_data(config: RunConfig, tokenizer: Tokenizer, processes: Processes) -> FitData:
    def load(path: str, name: str) -> Trajectories:
        encoded = load_trajectories(Path(path), tokenizer, config.data.max_tokens)
        if not encoded.is_action[:, 1:].any():
            raise ConfigError(f"data.{name}: {path} has no action token to learn from")
        return Trajectories(encoded, config.reward, processes.device, packed=config.packing)

    data = config.data
    return FitData(train=load(data.train, "train"), held_out=load(data.held_out, "held_out"))


def _train_stage(context: _Context, stage: Stage, settings: StageConfig) -> None:
    """Train one stage, or give its model the parameters that an earlier call finished with."""
    folder = context.out / stage.name
    if _is_finished(folder):
        logger.info("%s: finished before", stage.name)
        _load_into(stage.model, folder)
        return
    started = time.monotonic()
    if context.processes.is_first:
        store_settings(context.config, stage.name, folder)
    with torch.random.fork_rng():
        fit(stage, settings, context.config, context.data, folder, context.processes)
    logger.info("%s: %.0f s", stage.name, time.monotonic() - started)
    weights = context.processes.gathered(stage.model) if context.processes.shards else None
    if context.processes.is_first:
        _save(stage.model, folder, weights)
        remove_checkpoint(folder)
    context.processes.wait()


def _is_finished(folder: Path) -> bool:
    return any((folder / name).exists() for name in _LAST_FILES)


# Of a whole model's folder and of an adapter's: written last, so that it tells that all is there.
_LAST_FILES = ("config.json", "adapter_config.json")


def _save(
    model: torch.nn.Module, folder: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    assert isinstance(model, PreTrainedModel | PeftModel)
    part = folder.with_name(folder.name + ".part")
    if isinstance(model, PeftModel):
        # Told that embeddings are the base's, PEFT does not look the base up by its name.
        model.save_pretrained(part, state_dict=weights, save_embedding_layers=False)
    else:
        model.save_pretrained(part, state_dict=weights)
    (part / "README.md").unlink(missing_ok=True)  # the model card of PEFT, which says nothing
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(part.iterdir(), key=lambda file: file.name in _LAST_FILES):
        file.replace(folder / file.name)
    part.rmdir()


def _save_once(base: PreTrainedModel, folder: Path, processes: Processes) -> None:
    if processes.is_first and not _is_finished(folder):
        _save(base, folder)
    processes.wait()


def _load_into(model: torch.nn.Module, folder: Path) -> None:
    if isinstance(model, PeftModel):
        weights = load_peft_weights(str(folder), device="cpu")
        adapter = f".{model.active_adapter}.weight"
        stored = {name.removesuffix(".weight") + adapter: value for name, value in weights.items()}
    else:
        whole = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        stored = whole.state_dict()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assign(parameter, stored[name])


def _write_record(
    context: _Context, reserved_ids: tuple[int, ...], eos_ids: tuple[int, ...]
) -> None:
    """training.json: what went into this policy, for its manifest."""
    record = {
        "algorithm": "Q-SFT, arXiv 2411.05193",
        "config": asdict(context.config),
        "reserved_token_ids": reserved_ids,
        "eos_token_ids": eos_ids,
        "revision": _git_revision(),
        "trajectories": context.data.train.size,
        "torch": torch.__version__,
        "device": (
            torch.cuda.get_device_name() if context.processes.device.type == "cuda" else "cpu"
        ),
    }
    (context.out / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n")


def _git_revision() -> str | None:
    """The commit this package is at, "-dirty" where files differ from it; None outside of git."""
    describe = ["describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    command = ["git", "-C", str(Path(__file__).parent), *describe]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
