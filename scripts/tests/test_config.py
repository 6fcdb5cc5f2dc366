"""Run files: every key arrives, and a wrong one is named."""

from pathlib import Path

import pytest

from qsft.config import ConfigError, RunConfig, load_config

BUNDLED = Path(__file__).parents[1] / "runs" / "wordle.toml"
MINIMAL = """
task = "letters"
seed = 3

[data]
train = "train.jsonl"
held_out = "held-out.jsonl"
tokenizer = "tokenizer"
max_tokens = 61

[reward]
low = -6
high = 0

[behavior]
steps = 10

[value]
steps = 20
gamma = 1
"""


def load(text: str, folder: Path) -> RunConfig:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    config = load(MINIMAL, tmp_path)
    assert config.value.support_threshold == 1e-3
    assert config.value.smoothing == "uniform"
    assert config.model.base is None
    assert config.pretrain is None
    assert config.data.reserved_tokens == ()


def test_what_a_file_says_arrives_with_its_type(tmp_path: Path) -> None:
    text = MINIMAL.replace("max_tokens = 61", 'max_tokens = 61\nreserved_tokens = ["<pad>", "x"]')
    config = load(text + '\n[pretrain]\nsteps = 5\nprecision = "bf16"\n', tmp_path)
    assert (config.task, config.seed, config.data.max_tokens) == ("letters", 3, 61)
    assert config.data.reserved_tokens == ("<pad>", "x")
    assert config.pretrain is not None
    assert (config.pretrain.steps, config.pretrain.precision) == (5, "bf16")


def test_a_whole_number_may_stand_for_a_real_one(tmp_path: Path) -> None:
    config = load(MINIMAL, tmp_path)
    assert isinstance(config.value.gamma, float)
    assert isinstance(config.reward.low, float)


def test_the_bundled_run_file_is_valid() -> None:
    assert load_config(BUNDLED).task == "wordle"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sed = 3", "sed: unknown; known here: task, data"),
        ("gamma = 1", "gama = 1", "value.gama: unknown; known here: steps"),
        ("[behavior]\nsteps = 10", "", "behavior: missing"),
        ("[behavior]\nsteps = 10", "[behavior]", "behavior.steps: missing"),
        ('train = "train.jsonl"', "", "data.train: missing"),
        ("seed = 3", 'seed = "3"', "seed: expected int, got '3'"),
        ("seed = 3", "seed = 3.5", "seed: expected int, got 3.5"),
        ("seed = 3", "seed = true", "seed: expected int, got True"),
        ("seed = 3", "compile = 1", "compile: expected bool, got 1"),
        ("gamma = 1", "gamma = true", "value.gamma: expected float, got True"),
        ("gamma = 1", 'gamma = "1"', "value.gamma: expected float, got '1'"),
        (
            "gamma = 1",
            'smoothing = "dummy"',
            "value.smoothing: must be one of ('uniform', 'leftover'), got 'dummy'",
        ),
        ("gamma = 1", "gamma_mode = 1", "value.gamma_mode: must be one of ('token', 'turn')"),
        (
            "max_tokens = 61",
            'max_tokens = 61\nreserved_tokens = "<pad>"',
            "data.reserved_tokens: expected a list, got '<pad>'",
        ),
        (
            "max_tokens = 61",
            "max_tokens = 61\nreserved_tokens = [0]",
            "data.reserved_tokens: expected str, got 0",
        ),
        (
            "max_tokens = 61",
            "max_tokens = 61\nleftover_token = 1",
            "data.leftover_token: expected str, got 1",
        ),
        ("seed = 3", "pretrain = 3", "pretrain: expected a table, got 3"),
        ("seed = 3", "seed = ", "run.toml: "),
    ],
)
def test_a_wrong_key_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in MINIMAL
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL.replace(old, new), tmp_path)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps = 10", "steps = 0", r"behavior\.steps: must be 1 to inf, got 0"),
        ("gamma = 1", "gamma = 1.5", r"value\.gamma: must be 0 to 1, got 1\.5"),
        ("gamma = 1", "gamma = nan", r"value\.gamma: must be 0 to 1, got nan"),
        ("seed = 3", "seed = -1", r"seed: must be 0 to inf, got -1"),
        ("high = 0", "high = -6", r"reward\.low: must lie below reward\.high -6\.0, got -6\.0"),
    ],
)
def test_a_number_out_of_range_is_named_with_its_limits(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(MINIMAL.replace(old, new), tmp_path)
