"""Whole runs of tiny models: the same seed gives the same weights, interrupted or not."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_llama import SHAPE, small_llama
from small_runs import CPU, letter_tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from qsft.adapters import PROJECTIONS, ROLES, load_role
from qsft.config import (
    ConfigError,
    DataConfig,
    LoraSettings,
    ModelConfig,
    RewardConfig,
    RunConfig,
    StageConfig,
    ValueConfig,
    ValueStart,
)
from qsft.encoding import encode_trajectories, save_encoded
from qsft.tasks.wordle.data import generate_games
from qsft.tasks.wordle.tokenizer import LEFTOVER, RESERVED, build_tokenizer, save_tokenizer
from qsft.training import run as run_module
from qsft.training.behavior import BehaviorStage
from qsft.training.processes import Processes
from qsft.training.run import padding_ids, reserved_tokens, train
from qsft.training.value import ValueStage
from qsft.trajectories import TrajectoryError

ALONE = Processes(CPU)
STEPS = 7
STAGE = StageConfig(STEPS, batch_size=8, learning_rate=1e-2, warmup_steps=2)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    save_tokenizer(folder)
    for seed, split in enumerate(("train", "held-out")):
        games = list(generate_games(40, seed, fitting_share=0.3))
        save_encoded(folder / f"{split}.npz", encode_trajectories(games, build_tokenizer(), 61))
    return folder


@pytest.fixture
def config(data_folder: Path) -> RunConfig:
    return RunConfig(
        task="wordle",
        data=DataConfig(
            train=str(data_folder / "train.npz"),
            held_out=str(data_folder / "held-out.npz"),
            tokenizer=str(data_folder),
            max_tokens=61,
            reserved_tokens=RESERVED,
            leftover_token=LEFTOVER,
        ),
        reward=RewardConfig(-6.0, 0.0),
        model=SHAPE,
        pretrain=STAGE,
        behavior=STAGE,
        # Returns first, then the most probable token's ratio: no weight is clamped, all follow θ̄.
        value=ValueConfig(
            STEPS,
            batch_size=8,
            learning_rate=3e-2,
            warmup_steps=2,
            support_threshold=1.0,
            smoothing="leftover",
            return_steps=2,
            target_rate=0.3,
        ),
        log_every=2,
        evaluate_every=4,
        checkpoint_every=3,
        evaluation_batch_size=16,
    )


def weights(out: Path) -> dict[str, torch.Tensor]:
    """All weights that a run leaves behind."""
    return {
        f"{role}.{name}": tensor
        for role in ("behavior", "value")
        for name, tensor in load_file(out / role / "model.safetensors").items()
    }


def assert_bitwise_equal(found: Path, expected: Path) -> None:
    left, right = weights(found), weights(expected)
    assert left.keys() == right.keys()
    different = [name for name in left if not torch.equal(left[name], right[name])]
    assert different == []


def interrupt_at(step: int, original: Callable[..., None]) -> Callable[..., None]:
    """The `after_step` of a stage, which is interrupted the first time that it comes to `step`."""
    calls = count(1)

    def after_step(stage: object) -> None:
        original(stage)
        if next(calls) == step:
            raise KeyboardInterrupt

    return after_step


def test_a_run_leaves_what_the_export_reads(config: RunConfig, tmp_path: Path) -> None:
    train(config, tmp_path, ALONE)
    for role in ("behavior", "value"):
        assert (tmp_path / role / "config.json").is_file()
        assert not (tmp_path / role / "checkpoint.pt").exists()
        assert not list(tmp_path.glob("*.part"))
    assert (tmp_path / "tokenizer.json").read_bytes() == Path(
        config.data.tokenizer, "tokenizer.json"
    ).read_bytes()
    record = json.loads((tmp_path / "training.json").read_text())
    assert record["config"]["value"]["smoothing"] == "leftover"
    assert record["config"]["data"]["reserved_tokens"] == list(RESERVED)
    assert record["trajectories"] == 40


def test_the_same_seed_gives_the_same_weights(config: RunConfig, tmp_path: Path) -> None:
    train(config, tmp_path / "first", ALONE)
    torch.rand(3)  # another state of the global generator changes nothing
    train(config, tmp_path / "second", ALONE)
    assert_bitwise_equal(tmp_path / "first", tmp_path / "second")


def test_another_seed_gives_other_weights(config: RunConfig, tmp_path: Path) -> None:
    train(config, tmp_path / "first", ALONE)
    train(replace(config, seed=1), tmp_path / "second", ALONE)
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert not torch.equal(first["value.lm_head.weight"], second["value.lm_head.weight"])


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


def save_base(folder: Path, vocab_size: int) -> ModelConfig:
    """A pretrained model to start from."""
    torch.manual_seed(0)
    shape = GPT2Config(vocab_size=vocab_size, n_positions=64, n_embd=16, n_layer=1, n_head=2)
    assert shape.resid_pdrop > 0
    GPT2LMHeadModel(shape).save_pretrained(folder)
    return ModelConfig(base=str(folder))


def test_a_pretrained_models_padded_vocabulary_is_no_action(
    config: RunConfig, tmp_path: Path
) -> None:
    assert padding_ids(build_tokenizer(), 64) == tuple(range(58, 64))
    train(replace(config, model=save_base(tmp_path / "base", 64), pretrain=None), tmp_path, ALONE)
    assert weights(tmp_path)["value.transformer.wte.weight"].shape == (64, 16)


def test_a_pretrained_model_with_too_few_tokens_is_refused(
    config: RunConfig, tmp_path: Path
) -> None:
    small = replace(config, model=save_base(tmp_path / "base", 40))
    with pytest.raises(ConfigError, match=r"model\.base: has 40 tokens, .* 57"):
        train(small, tmp_path, ALONE)


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


def test_the_leftover_token_must_be_reserved(config: RunConfig) -> None:
    tokenizer = build_tokenizer()
    assert reserved_tokens(config, tokenizer) == ((0, 1, 3), 1)
    for token in ("<eos>", None):
        wrong = replace(config, data=replace(config.data, leftover_token=token))
        with pytest.raises(ConfigError, match=r"data\.leftover_token"):
            reserved_tokens(wrong, tokenizer)


def test_uniform_smoothing_needs_no_leftover_token(config: RunConfig) -> None:
    without = replace(
        config,
        data=replace(config.data, reserved_tokens=("<pad>",), leftover_token=None),
        value=ValueConfig(STEPS, smoothing="uniform"),
    )
    assert reserved_tokens(without, letter_tokenizer("ab")) == ((0,), 0)


LORA = LoraSettings(rank=2, alpha=4.0)


def save_llama_base(folder: Path) -> ModelConfig:
    """A base with its tokenizer."""
    small_llama(60).save_pretrained(folder)
    save_tokenizer(folder)
    return ModelConfig(base=str(folder))


@pytest.fixture
def on_base(config: RunConfig, tmp_path: Path) -> RunConfig:
    """A run that takes its tokenizer from its base."""
    base = save_llama_base(tmp_path / "base")
    return replace(config, model=base, data=replace(config.data, tokenizer=None))


def test_adapters_leave_the_base_as_it_was_and_each_other_apart(
    on_base: RunConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train(replace(on_base, lora=LORA), out, ALONE)
    assert {file.name for file in (out / "value").iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    stored, original = (
        load_file(folder / "model.safetensors") for folder in (out / "base", tmp_path / "base")
    )
    assert all(torch.equal(stored[name], original[name]) for name in original)
    behavior, value = (load_file(out / role / "adapter_model.safetensors") for role in ROLES)
    assert behavior.keys() == value.keys()
    assert len(behavior) == 2 * len(PROJECTIONS)
    assert any(not torch.equal(behavior[name], value[name]) for name in behavior)
    record = json.loads((out / "training.json").read_text())
    assert record["reserved_token_ids"] == [0, 1, 3, 58, 59]


@pytest.mark.parametrize("start", ["base", "behavior"])
def test_adapters_learn_what_the_merged_models_say(
    start: ValueStart, on_base: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted run of adapters ends with the adapters of an uninterrupted one."""
    config = replace(on_base, lora=LORA, value=replace(on_base.value, start=start))
    train(config, tmp_path / "whole", ALONE)
    with monkeypatch.context() as patch:
        patch.setattr(ValueStage, "after_step", interrupt_at(5, ValueStage.after_step))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "parts", ALONE)
    train(config, tmp_path / "parts", ALONE)
    for role in ROLES:
        name = f"{role}/adapter_model.safetensors"
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    ids = torch.tensor([[4, 6, 7, 8]])
    behavior, value = (load_role(tmp_path / "whole", role)(input_ids=ids).logits for role in ROLES)
    assert not torch.allclose(behavior, value, atol=1e-3)


def test_the_tokenizer_of_a_base_comes_along(on_base: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "base" / "chat_template.jinja").write_text("{{ messages }}")
    train(replace(on_base, pretrain=None), tmp_path / "out", ALONE)
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "base" / name).read_bytes()
    assert (tmp_path / "out" / "tokenizer_config.json").exists()


def test_without_a_base_a_tokenizer_must_be_named(config: RunConfig, tmp_path: Path) -> None:
    config = replace(config, data=replace(config.data, tokenizer=None))
    with pytest.raises(ConfigError, match=r"data\.tokenizer: missing"):
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


@pytest.mark.parametrize(
    "changes",
    [{"packing": True}, {"gradient_checkpointing": True}, {"micro_batch_size": 3}],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.parametrize("lora", [None, LORA], ids=["whole", "lora"])
def test_how_a_batch_is_computed_changes_no_model(
    changes: dict[str, Any], lora: LoraSettings | None, on_base: RunConfig, tmp_path: Path
) -> None:
    """Packed, recomputed or cut into small batches, a run learns the same."""
    config = replace(on_base, lora=lora, pretrain=None)
    if "micro_batch_size" in changes:
        other = replace(
            config,
            behavior=replace(config.behavior, **changes),
            value=replace(config.value, **changes),
        )
    else:
        other = replace(config, **changes)
    train(config, tmp_path / "plain", ALONE)
    train(other, tmp_path / "other", ALONE)
    ids = torch.tensor([[4, 6, 7, 8, 9, 10, 11, 5, 30]])
    for role in ROLES:
        plain, same = (load_role(tmp_path / run, role) for run in ("plain", "other"))
        torch.testing.assert_close(
            same(input_ids=ids).logits, plain(input_ids=ids).logits, rtol=1e-3, atol=1e-3
        )


def test_data_without_an_action_is_refused(config: RunConfig, tmp_path: Path) -> None:
    turns = [{"text": "s h i r e\n", "is_action": False, "reward": 0.0}]
    (tmp_path / "silent.jsonl").write_text(json.dumps({"turns": turns, "done": True}) + "\n")
    silent = replace(config, data=replace(config.data, train=str(tmp_path / "silent.jsonl")))
    with pytest.raises((ConfigError, TrajectoryError), match="action"):
        train(silent, tmp_path / "out", ALONE)
