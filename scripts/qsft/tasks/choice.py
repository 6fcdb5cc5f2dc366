"""Random choices of many players at once."""

import numpy as np
from numpy.typing import NDArray


def choose_allowed(allowed: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """One uniformly random allowed column for each row; every row allows at least one."""
    ranks = allowed.cumsum(axis=1, dtype=np.int32)
    wanted = (rng.random(len(allowed)) * ranks[:, -1]).astype(np.int32) + 1
    chosen: NDArray[np.int64] = (ranks >= wanted[:, None]).argmax(axis=1)
    return chosen
