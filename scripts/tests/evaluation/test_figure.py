"""The figure of an evaluation."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from qsft.evaluation.figure import (
    SHARPENED,
    FigureError,
    Result,
    draw_return_against_beta,
    read_results,
)

BEHAVIOR = Result("wordle", "wordle", "kl", "probability", 0.0, 1.0, 1000, 0, -4.0, -4.1, -3.9, 0.7)
RESULTS = [
    BEHAVIOR,
    replace(BEHAVIOR, temperature=0.3, mean=-3.5),
    *[replace(BEHAVIOR, beta=beta, mean=-4 + beta / 100) for beta in (64.0, 16.0)],
    *[replace(BEHAVIOR, beta=beta, q="ratio", mean=-4 + beta / 200) for beta in (16.0, 64.0)],
    *[replace(BEHAVIOR, policy=SHARPENED, beta=beta, mean=-3.8) for beta in (16.0, 64.0)],
]


def test_results_are_read_back_as_they_were_appended(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(asdict(result)) + "\n" for result in RESULTS))
    assert read_results(path) == RESULTS


def test_a_line_that_is_no_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    for bad in ("{", '{"policy": "wordle"}', "[]"):
        path.write_text(json.dumps(asdict(BEHAVIOR)) + "\n" + bad + "\n")
        with pytest.raises(FigureError, match=r"results\.jsonl, line 2: no result"):
            read_results(path)


def test_a_figure_needs_the_behavior_model(tmp_path: Path) -> None:
    with pytest.raises(FigureError, match="behavior model"):
        draw_return_against_beta(RESULTS[2:], tmp_path / "figure.svg")


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_results_give_the_same_file(suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.{suffix}" for name in ("first", "second")]
    for path in paths:
        draw_return_against_beta(RESULTS, path)
    first, second = (path.read_bytes() for path in paths)
    assert len(first) > 5000
    assert first == second


@pytest.mark.parametrize(
    "index", [1, 2, 4, 6], ids=["best temperature", "paper's form", "ratio form", "sharpened"]
)
def test_the_figure_shows_each_kind_of_result(index: int, tmp_path: Path) -> None:
    changed = [*RESULTS]
    changed[index] = replace(RESULTS[index], mean=-1.0)
    for name, results in (("before", RESULTS), ("after", changed)):
        draw_return_against_beta(results, tmp_path / f"{name}.png")
    assert (tmp_path / "before.png").read_bytes() != (tmp_path / "after.png").read_bytes()
