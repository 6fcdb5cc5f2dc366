"""A quantized folder's manifest says what its precision costs, in KL and in the task's return."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_models import MakeCheckpoint, llama

from qsft.commands.cost import paired_returns
from qsft.evaluation.figure import Result
from qsft.export.manifest import add_return_cost
from qsft.export.options import ExportError
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options
from qsft.trajectories import Trajectory, Turn, write_trajectories

GUESS = "s h i r e\n"


def test_the_cost_is_measured_on_the_agents_held_out_tokens(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    turns = (Turn("Wordle:\n", False, 0.0), Turn(GUESS, True, -1.0))
    write_trajectories(tmp_path / "held-out.jsonl", [Trajectory(turns, done=True)] * 3)
    options = replace(tiny_options(), precision="int8", held_out=tmp_path / "held-out.jsonl")
    report = export_policy(make_checkpoint(llama()), tmp_path / "out", options)
    assert report.cost is not None
    recorded = json.loads((tmp_path / "out" / "policy.json").read_text())["precision_cost"]
    assert recorded["data"] == "held-out.jsonl"
    assert recorded["tokens"] == 3 * 5
    assert recorded["beta"] == options.defaults.beta
    assert 0 < recorded["kl"]["mean"] <= recorded["kl"]["max"] < 0.1

    returns = paired_returns([result("fp32", -2.0), result("int8", -2.1)], "int8", "fp32")
    add_return_cost(tmp_path / "out", returns)
    recorded = json.loads((tmp_path / "out" / "policy.json").read_text())["precision_cost"]
    assert recorded["returns"][0]["quantized"]["mean"] == -2.1


def test_without_held_out_data_it_is_measured_on_what_verifies(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), precision="int4")
    report = export_policy(make_checkpoint(llama()), tmp_path / "out", options)
    assert report.cost is not None
    assert report.cost.data == "verification prompts: random tokens"
    assert report.cost.tokens == report.verification.positions


def test_measuring_leaves_gradients_as_they_were(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), precision="int8")
    export_policy(make_checkpoint(llama()), tmp_path / "out", options)
    assert torch.is_grad_enabled()


def test_fp32_has_no_cost(tiny_policy: Path) -> None:
    assert "precision_cost" not in json.loads((tiny_policy / "policy.json").read_text())
    with pytest.raises(ExportError, match="is fp32"):
        add_return_cost(tiny_policy, [])


def test_only_results_of_equal_settings_are_compared() -> None:
    results = [result("fp32", -2.0, seed=1), result("int8", -2.1, seed=2)]
    with pytest.raises(ExportError, match="equal settings"):
        paired_returns(results, "int8", "fp32")


def result(policy: str, mean: float, seed: int = 0) -> Result:
    return Result(
        task="wordle",
        policy=policy,
        extraction="kl",
        q="probability",
        beta=64.0,
        temperature=1.0,
        games=100,
        seed=seed,
        mean=mean,
        low=mean - 0.1,
        high=mean + 0.1,
        solved=1.0,
    )
