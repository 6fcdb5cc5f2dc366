"""Means and their intervals."""

import math

import numpy as np
import pytest

from qsft.evaluation.statistics import mean_interval


def test_the_interval_is_1_96_standard_errors_to_each_side() -> None:
    values = [-6.0, -2.0, -1.0, 0.0]
    found = mean_interval(values)
    half = 1.959964 * float(np.std(values, ddof=1)) / math.sqrt(4)
    assert (found.mean, found.count) == (-2.25, 4)
    assert (found.low, found.high) == pytest.approx((-2.25 - half, -2.25 + half))


def test_the_interval_holds_the_truth_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(3.0, 2.0, size=200).tolist()) for _ in range(1000)]
    held = sum(interval.low < 3.0 < interval.high for interval in intervals)
    assert 930 < held < 970


def test_equal_values_leave_no_doubt() -> None:
    found = mean_interval([-6.0, -6.0])
    assert (found.low, found.mean, found.high) == (-6.0, -6.0, -6.0)


def test_it_is_printed_with_three_decimals() -> None:
    assert str(mean_interval([-6.0, -6.0])) == "-6.000 [-6.000, -6.000]"


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_game_has_no_interval(values: list[float]) -> None:
    with pytest.raises(ValueError, match=f"at least 2 values, got {len(values)}"):
        mean_interval(values)
