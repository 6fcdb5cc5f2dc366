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
from qsft.training.checkpoint import load_checkpoint, save_checkpoint

logger = logging.getLogger(__name__)

Metrics = dict[str, Tensor]


class Stage(Protocol):
    """What one stage learns. `model` is the network the optimizer moves."""

    name: str
    model: nn.Module

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        """A scalar to minimise, and scalars worth watching; all stay on the device."""

    def after_step(self) -> None:
        """Called once the optimizer has moved the model."""

    def averages(self) -> dict[str, nn.Module]:
        """Networks that follow the model without gradients; a checkpoint holds them too."""

    def frozen(self) -> list[nn.Module]:
        """Networks the loss runs but never changes."""


@dataclass(frozen=True, slots=True)
class FitData:
    train: Trajectories
    held_out: Trajectories


def fit(stage: Stage, settings: StageConfig, run: RunConfig, data: FitData, folder: Path) -> None:
    """Train `stage.model` for `settings.steps`, from the checkpoint in `folder` if there is one."""
    device = next(stage.model.parameters()).device
    optimizer = torch.optim.AdamW(
        stage.model.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.95),
        fused=device.type == "cuda",
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _learning_rate_share(settings))
    networks = {"model": stage.model, **stage.averages()}
    start = load_checkpoint(folder, networks, optimizer, schedule)
    writer = SummaryWriter(str(folder / "tensorboard"), purge_step=start)
    progress = tqdm(
        range(start, settings.steps), desc=stage.name, initial=start, total=settings.steps
    )
    stage.model.train()
    for step in progress:
        # Dropout draws from the global generator: of the step alone, a resumed run draws the same.
        torch.manual_seed(run.seed * 1_000_003 + step)
        batch = data.train.batch_at(step, settings.batch_size, run.seed)
        with autocast(settings.precision, device):
            loss, metrics = stage.loss(batch, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(stage.model.parameters(), settings.clip_norm)
        optimizer.step()
        schedule.step()
        stage.after_step()
        done = step + 1
        if done % run.log_every == 0 or done == settings.steps:
            metrics |= {"loss": loss.detach(), "gradient_norm": norm}
            values = {key: value.item() for key, value in metrics.items()}
            _write(writer, f"{stage.name}/train", values, done)
            writer.add_scalar(f"{stage.name}/learning_rate", schedule.get_last_lr()[0], done)
            progress.set_postfix({"loss": f"{values['loss']:.4f}"})
            if not math.isfinite(values["loss"]):
                raise FloatingPointError(f"{stage.name}: loss is {values['loss']} at step {done}")
        if done % run.evaluate_every == 0 or done == settings.steps:
            held_out = data.held_out.first(run.evaluation_batch_size)
            values = evaluate(stage, settings.precision, held_out, step)
            _write(writer, f"{stage.name}/held_out", values, done)
            logger.info("%s step %d: %s", stage.name, done, _describe(values))
        if done % run.checkpoint_every == 0 and done < settings.steps:
            save_checkpoint(folder, done, networks, optimizer, schedule)
    writer.close()


@torch.no_grad()
def evaluate(stage: Stage, precision: Precision, batch: Batch, step: int) -> dict[str, float]:
    """Loss and metrics on held-out trajectories."""
    stage.model.eval()
    with autocast(precision, batch.ids.device):
        loss, metrics = stage.loss(batch, step)
    stage.model.train()
    return {"loss": loss.item(), **{key: value.item() for key, value in metrics.items()}}


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


def _write(writer: SummaryWriter, prefix: str, values: dict[str, float], step: int) -> None:
    for key, value in values.items():
        writer.add_scalar(f"{prefix}/{key}", value, step)


def _describe(values: dict[str, float]) -> str:
    def parts() -> Iterator[str]:
        for key, value in values.items():
            yield f"{key} {value:.4g}"

    return ", ".join(parts())
