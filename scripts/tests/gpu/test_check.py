"""What the GPU check makes of its measurements; `.ci/run` runs all of it on a CPU."""

import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2]
sys.path.insert(0, str(SCRIPTS / "gpu"))
import check  # noqa: E402
import served  # noqa: E402


def test_parity_is_the_largest_difference_and_the_share_of_equal_tokens() -> None:
    mine = ([-10.0, -11.0], [["a", "b"], ["c", "d"]])
    its = ([-10.01, -11.2], [["a", "b"], ["c", "x"]])
    parity = check.compare(mine, its)
    assert parity.largest_difference == pytest.approx(0.2)
    assert parity.same_greedy == 0.75


def test_answers_of_different_lengths_are_no_parity() -> None:
    with pytest.raises(ValueError, match="zip"):
        check.compare(([0.0], [["a"]]), ([0.0], [["a", "b"]]))


def test_prompts_differ_by_seed_and_avoid_reserved_words() -> None:
    first, second = served.prompt(1, 100), served.prompt(2, 100)
    assert first != second
    assert len(first.split()) == 100
    assert not {"t0", "t1"} & set(first.split())


def test_the_table_compares_with_transformers_and_the_limit() -> None:
    level = {"prefill_seconds": 0.1, "seconds": 1.0, "first_token_p50_ms": 100.0, "host_bytes": 64}
    shape = {
        "shape": "1b",
        "levels": [1, 8],
        "ours": [level | {"tokens": 64}, level | {"tokens": 512}],
        "transformers": [level | {"tokens": 32}, level | {"tokens": 64}],
        "limitTokensPerSecond": 80.0,
    }
    rows = check.table([shape]).splitlines()[2:]
    assert rows == [
        "| 1b | 1 | 64 | 100.0 | 64 | 32 | 2.00 × | 80% |",
        "| 1b | 8 | 512 | 100.0 | 64 | 64 | 8.00 × |  |",
    ]
