"""Whole runs of tiny models: what they leave, that they repeat, what they refuse."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import letter_tokenizer
from wordle_runs import ALONE, LORA, STEPS, assert_bitwise_equal, weights

from qsft.adapters import ROLES, load_role
from qsft.config import ConfigError, LoraSettings, RunConfig, ValueConfig
from qsft.tasks.wordle.tokenizer import RESERVED, build_tokenizer
from qsft.training.run import reserved_tokens, train
from qsft.trajectories import TrajectoryError


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


def test_data_without_an_action_is_refused(config: RunConfig, tmp_path: Path) -> None:
    turns = [{"text": "s h i r e\n", "is_action": False, "reward": 0.0}]
    (tmp_path / "silent.jsonl").write_text(json.dumps({"turns": turns, "done": True}) + "\n")
    silent = replace(config, data=replace(config.data, train=str(tmp_path / "silent.jsonl")))
    with pytest.raises((ConfigError, TrajectoryError), match="action"):
        train(silent, tmp_path / "out", ALONE)
