"""The loop that all stages share: schedule, clipping, metrics, checkpoints."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_llama import small_llama
from small_runs import fit_data, letter_tokenizer, run_config, trajectory
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from qsft.config import StageConfig, ValueConfig
from qsft.training.batches import Batch
from qsft.training.behavior import BehaviorStage
from qsft.training.fit import Metrics, fit

TOKENIZER = letter_tokenizer("abxyz")
VOCAB_SIZE = TOKENIZER.get_vocab_size()
DATA = fit_data([trajectory("x", "ab", "y", letter) for letter in "abxyz"], TOKENIZER, 5)
SETTINGS = StageConfig(
    steps=10, batch_size=2, learning_rate=0.01, warmup_steps=4, final_learning_rate_share=0.1
)
RUN = run_config(SETTINGS, ValueConfig(steps=1), log_every=1, evaluate_every=5)


def make_stage() -> BehaviorStage:
    return BehaviorStage("behavior", small_llama(VOCAB_SIZE), "actions")


def read_scalars(folder: Path) -> dict[str, dict[int, float]]:
    """What TensorBoard shows: each tag's values by step."""
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {
        tag: {event.step: event.value for event in events.Scalars(tag)}
        for tag in events.Tags()["scalars"]
    }


def test_the_learning_rate_warms_up_and_then_falls_as_a_cosine(tmp_path: Path) -> None:
    fit(make_stage(), SETTINGS, RUN, DATA, tmp_path)
    # What is logged at step t is the rate of the step after it.
    logged = read_scalars(tmp_path)["behavior/train/learning_rate"]
    shares = [logged[step] / SETTINGS.learning_rate for step in range(1, 11)]
    assert shares[:3] == pytest.approx([0.5, 0.75, 1.0])
    cosine = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / 6)) for step in range(7)]
    assert shares[3:] == pytest.approx(cosine)


def test_metrics_of_training_and_of_held_out_data_reach_tensorboard(tmp_path: Path) -> None:
    fit(make_stage(), SETTINGS, RUN, DATA, tmp_path)
    scalars = read_scalars(tmp_path)
    assert list(scalars["behavior/train/loss"]) == list(range(1, 11))
    assert list(scalars["behavior/held_out/loss"]) == [5, 10]
    assert min(scalars["behavior/train/gradient_norm"].values()) > 0
    assert scalars["behavior/held_out/loss"][10] < scalars["behavior/train/loss"][1]


def test_clipping_bounds_what_a_step_takes_from_a_large_gradient(tmp_path: Path) -> None:
    class SteepStage(BehaviorStage):
        def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
            loss, metrics = super().loss(batch, step)
            return 1e4 * loss, metrics

        def after_step(self) -> None:
            norms.append(torch.cat([p.grad.flatten() for p in self.model.parameters()]).norm())

    norms: list[Tensor] = []
    stage = SteepStage("behavior", small_llama(VOCAB_SIZE), "actions")
    fit(stage, replace(SETTINGS, clip_norm=0.5), RUN, DATA, tmp_path)
    assert [norm.item() for norm in norms] == pytest.approx([0.5] * 10, rel=1e-3)
    assert min(read_scalars(tmp_path)["behavior/train/gradient_norm"].values()) > 0.5


class BrokenStage(BehaviorStage):
    """Its third loss is no number."""

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        loss, metrics = super().loss(batch, step)
        return (loss * math.nan if step == 2 else loss), metrics


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    stage = BrokenStage("behavior", small_llama(VOCAB_SIZE), "actions")
    with pytest.raises(FloatingPointError, match="behavior: loss is nan at step 3"):
        fit(stage, SETTINGS, RUN, DATA, tmp_path)


def test_no_checkpoint_keeps_what_a_broken_step_left(tmp_path: Path) -> None:
    run = replace(RUN, log_every=10, checkpoint_every=1)
    stage = BrokenStage("behavior", small_llama(VOCAB_SIZE), "actions")
    with pytest.raises(FloatingPointError, match="at step 3"):
        fit(stage, SETTINGS, run, DATA, tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2


def test_low_precision_leaves_weights_and_loss_in_float32(tmp_path: Path) -> None:
    stage = make_stage()
    before = [parameter.clone() for parameter in stage.model.parameters()]
    fit(stage, replace(SETTINGS, precision="bf16"), RUN, DATA, tmp_path)
    for old, new in zip(before, stage.model.parameters(), strict=True):
        assert new.dtype == torch.float32
        assert not torch.equal(old, new)


def test_an_interrupted_checkpoint_leaves_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(RUN, checkpoint_every=3)
    save = torch.save
    saves = 0

    def save_half_of_the_second(state: object, path: Path) -> None:
        nonlocal saves
        saves += 1
        save(state, path)
        if saves == 2:
            path.write_bytes(path.read_bytes()[:100])
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", save_half_of_the_second)
    with pytest.raises(KeyboardInterrupt):
        fit(make_stage(), SETTINGS, run, DATA, tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 3
