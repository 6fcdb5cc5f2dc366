"""Numbers on the command line, refused outside of their bounds: types for `argparse`."""

import argparse
import math
from collections.abc import Callable


def integer(low: int) -> Callable[[str], int]:
    """One of at least `low`."""

    def read(text: str) -> int:
        return int(_checked(text, int, low, math.inf))

    return read


def number(low: float = 0.0, high: float = math.inf) -> Callable[[str], float]:
    """A finite one from `low` to `high`."""

    def read(text: str) -> float:
        return _checked(text, float, low, high)

    return read


def _checked(text: str, kind: type[int] | type[float], low: float, high: float) -> float:
    bounds = f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and low <= value <= high:
        return value
    noun = "an integer" if kind is int else "a number"
    raise argparse.ArgumentTypeError(f"must be {noun} {bounds}, got {text}")
