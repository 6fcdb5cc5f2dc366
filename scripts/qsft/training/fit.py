"""The loop all stages share: AdamW, warm-up, clipping, metrics, checkpoints that resume."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from qsft.config import Precision, RunConfig, StageConfig
from qsft.training.batches import Batch, Trajectories
from qsft.training.checkpoint import Network, load_checkpoint, save_checkpoint
from qsft.training.parameters import LiveParameters, ParameterCopy, trainable
from qsft.training.processes import Processes, whole

logger = logging.getLogger(__name__)

Metrics = dict[str, Tensor]


class Stage(Protocol):
    """What one stage learns. `model` is the network the optimizer moves."""

    name: str
    model: nn.Module

    def counted(self, batch: Batch, step: int) -> Tensor:
        """(b, time) bool: the tokens whose mean the loss is."""

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        """A scalar to minimise, and scalars worth watching; all stay on the device."""

    def after_step(self) -> None:
        """Called once the optimizer has moved the model."""

    def averages(self) -> dict[str, ParameterCopy]:
        """Parameters that follow the model without gradients; a checkpoint holds them too."""


@dataclass(frozen=True, slots=True)
class FitData:
    train: Trajectories
    held_out: Trajectories


def fit(
    stage: Stage,
    settings: StageConfig,
    run: RunConfig,
    data: FitData,
    folder: Path,
    processes: Processes | None = None,
) -> None:
    """Train `stage.model` for `settings.steps`, from the checkpoint in `folder` if there is one."""
    device = next(stage.model.parameters()).device
    processes = processes or Processes(device)
    parameters = trainable(stage.model)
    optimizer = _make_optimizer(parameters, settings, device)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _learning_rate_share(settings))
    networks: dict[str, Network] = {"model": LiveParameters(stage.model), **stage.averages()}
    start = load_checkpoint(folder, networks, optimizer, schedule)
    log = _Log(stage.name, folder if processes.is_first else None, start)
    progress = tqdm(
        range(start, settings.steps),
        desc=stage.name,
        initial=start,
        total=settings.steps,
        disable=not processes.is_first,
    )
    stage.model.train()
    for step in progress:
        # Dropout draws from the global generator: of the step alone, a resumed run draws the same.
        torch.manual_seed(run.seed * 1_000_003 + step)
        batch = processes.part_of(data.train.batch_at(step, settings.batch_size, run.seed))
        optimizer.zero_grad(set_to_none=True)
        metrics = _accumulate_gradients(stage, settings, batch, step, processes)
        norm = nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
        schedule.step()
        stage.after_step()
        done = step + 1
        # Before a checkpoint too, lest one keeps weights that are no numbers.
        if any(
            done % every == 0 for every in (run.log_every, run.checkpoint_every, settings.steps)
        ):
            values = {key: processes.sum(value).item() for key, value in metrics.items()}
            values["gradient_norm"] = float(whole(norm))
            values["learning_rate"] = float(schedule.get_last_lr()[0])
            log.write("train", values, done)
            progress.set_postfix({"loss": f"{values['loss']:.4f}"})
            for key in ("loss", "gradient_norm"):
                if not math.isfinite(values[key]):
                    raise FloatingPointError(f"{stage.name}: {key} is {values[key]} at step {done}")
        if done % run.evaluate_every == 0 or done == settings.steps:
            held_out = data.held_out.first(run.evaluation_batch_size)
            values = evaluate(stage, settings, held_out, step)
            log.write("held_out", values, done)
            if processes.is_first:
                logger.info("%s step %d: %s", stage.name, done, _describe(values))
        # Shards are not gathered for one: under FSDP a run goes on from its last finished stage.
        keeps = processes.is_first and not processes.shards
        if done % run.checkpoint_every == 0 and done < settings.steps and keeps:
            save_checkpoint(folder, done, networks, optimizer, schedule)
    log.close()


def _make_optimizer(
    parameters: list[nn.Parameter], settings: StageConfig, device: torch.device
) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        parameters,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.95),
        fused=device.type in ("cpu", "cuda"),
    )


def _accumulate_gradients(
    stage: Stage, settings: StageConfig, batch: Batch, step: int, processes: Processes
) -> Metrics:
    """Leave the gradient of the mean over all counted tokens, however the batch is cut up.

    Returns this process's share of the loss and of each metric: their sum is the batch's.
    """
    parts = batch.split(settings.micro_batch_size)
    counts = torch.stack([stage.counted(part, step).sum() for part in parts])
    shares = counts / processes.sum(counts.sum()).clamp(min=1)
    totals: Metrics = {}
    for part, share in zip(parts, shares, strict=True):
        with autocast(settings.precision, batch.ids.device):
            loss, metrics = stage.loss(part, step)
        (loss * share).backward()
        for key, value in {**metrics, "loss": loss.detach()}.items():
            totals[key] = totals.get(key, 0.0) + value * share
    processes.sum_gradients(trainable(stage.model))
    return totals


@torch.no_grad()
def evaluate(stage: Stage, settings: StageConfig, batch: Batch, step: int) -> dict[str, float]:
    """Loss and metrics on held-out trajectories."""
    stage.model.eval()
    parts = batch.split(settings.micro_batch_size)
    counts = [int(stage.counted(part, step).sum()) for part in parts]
    totals: dict[str, float] = {}
    for part, count in zip(parts, counts, strict=True):
        with autocast(settings.precision, batch.ids.device):
            loss, metrics = stage.loss(part, step)
        for key, value in {"loss": loss, **metrics}.items():
            totals[key] = totals.get(key, 0.0) + value.item() * count / max(1, sum(counts))
    stage.model.train()
    return totals


def autocast(precision: Precision, device: torch.device) -> torch.autocast | nullcontext[None]:
    """bfloat16 matrix products where the stage asks for them; weights and losses stay float32."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _learning_rate_share(settings: StageConfig) -> Callable[[int], float]:
    """Linear warm-up, then a cosine from 1 to `final_learning_rate_share`."""
    floor = settings.final_learning_rate_share

    def share(step: int) -> float:
        if step < settings.warmup_steps:
            return (step + 1) / settings.warmup_steps
        span = max(1, settings.steps - settings.warmup_steps)
        done = min(1.0, (step - settings.warmup_steps) / span)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

    return share


class _Log:
    """What TensorBoard shows of a stage; without a folder, nothing."""

    def __init__(self, stage: str, folder: Path | None, start: int) -> None:
        self._stage = stage
        self._writer = (
            SummaryWriter(str(folder / "tensorboard"), purge_step=start) if folder else None
        )

    def write(self, split: str, values: dict[str, float], step: int) -> None:
        if self._writer is not None:
            for key, value in values.items():
                self._writer.add_scalar(f"{self._stage}/{split}/{key}", value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _describe(values: dict[str, float]) -> str:
    def parts() -> Iterator[str]:
        for key, value in values.items():
            yield f"{key} {value:.4g}"

    return ", ".join(parts())
