"""Sampling one token from a row of scores: the reference that the server's sampler must equal.

Both work in float64, but not with the same sums and the same exp: only a draw within some 1e-13 of
the boundary between two tokens may fall to one of them here and to the other there.

Every draw is counter-based: it depends on the seed, the choice and the step and on nothing else,
so a request's tokens are the same whatever else is in the batch.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qsft.policy.extraction import Extraction

WORD = 2**32


@dataclass(frozen=True)
class SamplingParameters:
    """What one request may set of its sampling."""

    temperature: float = 1.0  # 0 takes the most probable token
    top_k: int = 0  # 0 keeps all tokens
    top_p: float = 1.0
    min_p: float = 0.0  # share of the most probable token's probability; 0 keeps all


def sampling_under(extraction: Extraction, sampling: SamplingParameters) -> SamplingParameters:
    """What a request's sampling becomes under its extraction: greedy has no temperature."""
    return replace(sampling, temperature=0.0) if extraction == "greedy" else sampling


def uniform(seed: int, choice: int, step: int) -> float:
    """The draw in [0, 1) for token `step` of answer `choice`; 53 random bits."""
    state = 0
    for word in (seed % WORD, seed // WORD % WORD, choice, step):
        state = _absorb(state, word)
    high, low = _absorb(state, 1) >> 5, _absorb(state, 2) >> 6
    return float(high * 2**26 + low) / 2.0**53


def sample_token(scores: NDArray[np.float32], sampling: SamplingParameters, draw: float) -> int:
    """The token that one uniform draw takes from a row of scores, (V,)."""
    if sampling.temperature == 0:
        return int(scores.argmax())
    relative = _relative_probabilities(scores, sampling.temperature)
    probabilities = _truncate(relative, scores, sampling)
    cumulative = probabilities.cumsum()  # sequential in float64, in ascending id order
    above = cumulative > draw * cumulative[-1]
    return int(above.argmax()) if above.any() else int(probabilities.nonzero()[0][-1])


def _relative_probabilities(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    exact = scores.astype(np.float64)
    relative = np.exp((exact - exact.max()) / temperature)
    return np.where(relative < np.finfo(np.float64).tiny, 0.0, relative)


def _truncate(
    probabilities: NDArray[np.float64],
    scores: NDArray[np.float32],
    sampling: SamplingParameters,
) -> NDArray[np.float64]:
    """Zero every token that top_k, then top_p, then min_p drops."""
    by_rank = np.argsort(-scores, kind="stable")  # ties: the lower id first
    kept = by_rank[: sampling.top_k] if sampling.top_k > 0 else by_rank
    if sampling.top_p < 1:
        cumulative = probabilities[kept].cumsum()
        count = 1 + int((cumulative >= sampling.top_p * cumulative[-1]).argmax())
        kept = kept[:count]
    truncated = np.zeros_like(probabilities)
    truncated[kept] = probabilities[kept]
    truncated[truncated < sampling.min_p] = 0.0  # the most probable token's is 1
    return truncated


def _absorb(state: int, word: int) -> int:
    return _mix(((state ^ word) + 0x9E3779B9) % WORD)


def _mix(word: int) -> int:
    """The finalizer of MurmurHash3 on 32 bits."""
    word ^= word >> 16
    word = word * 0x85EBCA6B % WORD
    word ^= word >> 13
    word = word * 0xC2B2AE35 % WORD
    return word ^ (word >> 16)
