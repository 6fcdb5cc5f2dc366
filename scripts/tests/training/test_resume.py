"""What a folder already holds: interrupted runs end as whole ones, finished stages are kept."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from wordle_runs import ALONE, STEPS, assert_bitwise_equal, interrupt_at, save_base, weights

from qsft.config import ConfigError, RunConfig
from qsft.training import run as run_module
from qsft.training.behavior import BehaviorStage
from qsft.training.run import train
from qsft.training.value import ValueStage


@pytest.mark.parametrize(
    ("stage", "step"),
    # Behavior stages: 7 steps of pretraining, then 7 of φ; checkpoints come after 3 and 6 of each.
    [(BehaviorStage, 2), (BehaviorStage, 5), (BehaviorStage, STEPS + 5), (ValueStage, 5)],
)
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    stage: type, step: int, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config, tmp_path / "whole", ALONE)
    with monkeypatch.context() as patch:
        patch.setattr(stage, "after_step", interrupt_at(step, stage.after_step))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "parts", ALONE)
    assert not (tmp_path / "parts" / "value" / "model.safetensors").exists()
    train(config, tmp_path / "parts", ALONE)
    assert_bitwise_equal(tmp_path / "parts", tmp_path / "whole")


def test_a_pretrained_model_with_dropout_repeats_and_resumes_too(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, model=save_base(tmp_path / "base", 58), pretrain=None)
    train(config, tmp_path / "whole", ALONE)
    with monkeypatch.context() as patch:
        patch.setattr(ValueStage, "after_step", interrupt_at(5, ValueStage.after_step))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "parts", ALONE)
    train(config, tmp_path / "parts", ALONE)
    assert_bitwise_equal(tmp_path / "parts", tmp_path / "whole")


def test_a_stage_whose_model_was_half_written_is_finished_by_the_next_call(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config, tmp_path / "whole", ALONE)

    def save_config_alone(model: object, folder: Path, **_: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module.PreTrainedModel, "save_pretrained", save_config_alone)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "parts", ALONE)
    train(config, tmp_path / "parts", ALONE)
    assert_bitwise_equal(tmp_path / "parts", tmp_path / "whole")


def test_a_finished_run_is_not_trained_again(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config, tmp_path, ALONE)
    monkeypatch.setattr(run_module, "fit", pytest.fail)
    train(config, tmp_path, ALONE)


def change(config: RunConfig, **value: object) -> RunConfig:
    return replace(config, value=replace(config.value, **value))  # type: ignore[arg-type]


def test_what_was_trained_with_other_settings_is_not_reused(
    config: RunConfig, tmp_path: Path
) -> None:
    train(config, tmp_path, ALONE)
    changed = change(config, gamma=0.5)
    message = r"value\.gamma: .*value was trained with 0\.99, the run file says 0\.5; --restart"
    with pytest.raises(ConfigError, match=message):
        train(changed, tmp_path, ALONE)
    before = weights(tmp_path)
    train(changed, tmp_path, ALONE, restart=True)
    assert not torch.equal(
        weights(tmp_path)["value.lm_head.weight"], before["value.lm_head.weight"]
    )


def test_a_finished_behavior_serves_other_value_settings(config: RunConfig, tmp_path: Path) -> None:
    train(config, tmp_path, ALONE)
    behavior = weights(tmp_path)["behavior.lm_head.weight"]
    shutil.rmtree(tmp_path / "value")
    train(change(config, gamma=0.5), tmp_path, ALONE)
    assert torch.equal(weights(tmp_path)["behavior.lm_head.weight"], behavior)
