"""The program `qsft` as its users call it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_llama import SHAPE

from qsft.cli import main
from qsft.tasks.wordle.tokenizer import RESERVED, save_tokenizer
from qsft.trajectories import read_trajectories

COMMANDS = ("data", "encode", "train", "export", "evaluate", "cost", "figure")


def help_of(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys=capsys)
    for command in COMMANDS:
        assert f"\n    {command} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_describes_it_and_shows_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(command, capsys=capsys)
    assert text.startswith(f"usage: qsft {command}")
    assert f"Example: qsft {command} " in text


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "qsft", "figure", "missing.jsonl", "--out", "figure.svg"]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=Path(__file__).parents[1]
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == ("qsft figure: [Errno 2] No such file or directory: 'missing.jsonl'\n")


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evaluate wordle --url x --games 1", "--games: must be an integer of at least 2, got 1"),
        ("evaluate wordle --url x --beta 1 nan", "--beta: must be a number of at least 0, got nan"),
        ("evaluate wordle --url x --concurrency 0", "--concurrency: must be an integer of at"),
        ("evaluate wordle --url x --temperature -1", "--temperature: must be a number of at least"),
        ("data wordle --out x --games 0", "--games: must be an integer of at least 1, got 0"),
        ("data wordle --out x --seed 1.5", "--seed: must be an integer of at least 0, got 1.5"),
        ("data wordle --out x --fitting-share 2", "must be a number from 0 to 1, got 2"),
        ("encode x --tokenizer x --max-tokens 0", "--max-tokens: must be an integer of at least"),
    ],
)
def test_numbers_out_of_bounds_are_refused_with_their_flag(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with files that are wrong each in its way."""
    monkeypatch.chdir(tmp_path)
    save_tokenizer(tmp_path / "tokenizer")
    (tmp_path / "bad.toml").write_text("sed = 3\n")
    (tmp_path / "bad.jsonl").write_text("{}\n")
    (tmp_path / "empty.jsonl").write_text("")
    turns = [{"text": "s h i r e\n", "is_action": True, "reward": -1.0}]
    (tmp_path / "good.jsonl").write_text(json.dumps({"turns": turns, "done": True}) + "\n")
    yield tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train missing.toml --out out", "[Errno 2] No such file or directory: 'missing.toml'"),
        ("train bad.toml --out out", "sed: unknown; known here: task, "),
        (
            "encode bad.jsonl --tokenizer tokenizer --max-tokens 9",
            "bad.jsonl, line 1: turns: missing",
        ),
        ("encode empty.jsonl --tokenizer tokenizer --max-tokens 9", "no trajectories"),
        (
            "encode good.jsonl --tokenizer tokenizer --max-tokens 4",
            "trajectory 1: 5 tokens, max_tokens allows 4",
        ),
        (
            "encode good.jsonl --tokenizer missing --max-tokens 9",
            "[Errno 2] No such file or directory: 'missing/tokenizer.json'",
        ),
        ("export missing out", "missing is no checkpoint: training.json is missing"),
        (
            "evaluate wordle --checkpoint missing",
            "missing is no checkpoint: training.json is missing",
        ),
        ("evaluate wordle --url http://127.0.0.1:1", "http://127.0.0.1:1: "),
        ("figure bad.jsonl --out figure.svg", "bad.jsonl, line 1: no result: "),
        ("figure empty.jsonl --out figure.svg", "no result of the behavior model"),
    ],
)
def test_an_expected_failure_is_one_sentence_and_status_1(
    arguments: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"qsft {arguments.split()[0]}: {message}")
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_data_writes_seeded_games_and_their_tokenizer(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["data", "wordle", "--games", "30", "--held-out", "20", "--seed", "3", "--out"]
    assert main([*arguments, "first"]) == 0
    assert "train.jsonl: 30 games" in capsys.readouterr().out
    assert main([*arguments, "second"]) == 0
    for name in ("train.jsonl", "held-out.jsonl", "tokenizer.json", "tokenizer_config.json"):
        assert (folder / "first" / name).read_bytes() == (folder / "second" / name).read_bytes()
    train, held_out = (
        list(read_trajectories(folder / "first" / f"{split}.jsonl"))
        for split in ("train", "held-out")
    )
    assert (len(train), len(held_out)) == (30, 20)
    assert train[:20] != held_out


def test_from_data_to_a_drawn_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command but the export, whose tests are their own, on a model too small to learn."""
    (folder / "run.toml").write_text(RUN)
    for command in (
        "data wordle --out data --games 60 --held-out 20",
        "encode data/train.jsonl data/held-out.jsonl --tokenizer data --max-tokens 61",
        "train run.toml --out out --device cpu",
        "evaluate wordle --checkpoint out --games 4 --beta 0 4 --json results.jsonl",
        "figure results.jsonl --out figure.svg",
    ):
        assert main(command.split()) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "data/train.npz: 60 trajectories, mean return -" in printed
    assert "| out | kl | probability | 4 | 1 | -" in printed
    results = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [(result["beta"], result["games"]) for result in results] == [(0.0, 4), (4.0, 4)]
    assert (folder / "figure.svg").read_text().startswith("<?xml")


RUN = f"""
task = "wordle"

[data]
train = "data/train.npz"
held_out = "data/held-out.npz"
tokenizer = "data"
max_tokens = 61
reserved_tokens = {json.dumps(RESERVED)}

[model]
layers = {SHAPE.layers}
width = {SHAPE.width}
heads = {SHAPE.heads}
kv_heads = {SHAPE.kv_heads}
intermediate = {SHAPE.intermediate}

[reward]
low = -6
high = 0

[behavior]
steps = 2

[value]
steps = 2
"""
