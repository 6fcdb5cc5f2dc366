"""What a set of games says: the mean return and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Two-sided 95 % of the normal distribution; samples here are hundreds of games or more.
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A sample's mean and its 95 % confidence interval."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean_interval(values: Sequence[float]) -> MeanInterval:
    """Mean ± 1.96 standard errors; raises ValueError for fewer than two values."""
    count = len(values)
    if count < 2:
        raise ValueError(f"an interval needs at least 2 values, got {count}")
    mean = sum(values) / count
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    half = _Z95 * math.sqrt(variance / count)
    return MeanInterval(mean, mean - half, mean + half, count)
