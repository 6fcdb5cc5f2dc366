"""The study of speculative decoding counts rounds as they would happen."""

import importlib.util
import itertools
from pathlib import Path
from types import ModuleType

import pytest

STUDY = Path(__file__).parents[1] / "bench" / "speculative.py"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("speculative", STUDY)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rounds_of(outcomes: tuple[bool, ...], drafts: int) -> int:
    """By walking through it: `outcomes[i]` says whether token i, if drafted, was accepted."""
    place = rounds = 0
    while place < len(outcomes):
        rounds += 1
        for _ in range(drafts):
            if place < len(outcomes) and outcomes[place]:
                place += 1
            else:
                break
        place += 1  # what is drawn instead of the refused draft, or after the last one
    return rounds


@pytest.mark.parametrize("drafts", [1, 2, 3, 4, 7])
def test_expected_rounds_are_the_mean_over_all_outcomes(study: ModuleType, drafts: int) -> None:
    kept = [0.9, 0.25, 1.0, 0.5, 0.0]
    expected = 0.0
    for outcomes in itertools.product([True, False], repeat=len(kept)):
        chance = 1.0
        for share, accepted in zip(kept, outcomes, strict=True):
            chance *= share if accepted else 1 - share
        expected += chance * rounds_of(outcomes, drafts)
    assert study.expected_rounds(kept, drafts) == pytest.approx(expected)


def test_without_drafts_every_token_takes_a_round(study: ModuleType) -> None:
    assert study.expected_rounds([0.5, 1.0, 0.0], 0) == 3
