"""Runs that start from a pretrained base: its vocabulary, its tokenizer, adapters on it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from wordle_runs import ALONE, LORA, interrupt_at, save_base, weights

from qsft.adapters import PROJECTIONS, ROLES, load_role
from qsft.config import ConfigError, RunConfig, ValueStart
from qsft.tasks.wordle.tokenizer import build_tokenizer
from qsft.training.run import padding_ids, train
from qsft.training.value import ValueStage


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
