"""Sampling one token from a row of scores: the reference that the server's sampler must equal.

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
    probabilities = _truncate(_relative_probabilities(scores, sampling.temperature), sampling)
    cumulative = probabilities.cumsum()  # sequential in float64, in ascending id order
    above = cumulative > draw * cumulative[-1]
    return int(above.argmax()) if above.any() else int(probabilities.nonzero()[0][-1])


def _relative_probabilities(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    exact = scores.astype(np.float64)
    relative: NDArray[np.float64] = np.exp((exact - exact.max()) / temperature)
    return relative


def _truncate(
    probabilities: NDArray[np.float64], sampling: SamplingParameters
) -> NDArray[np.float64]:
    """Zero every token that top_k or top_p drops."""
    by_rank = np.argsort(-probabilities, kind="stable")  # ties: the lower id first
    kept = by_rank[: sampling.top_k] if sampling.top_k > 0 else by_rank
    if sampling.top_p < 1:
        cumulative = probabilities[kept].cumsum()
        count = 1 + int((cumulative >= sampling.top_p * cumulative[-1]).argmax())
        kept = kept[:count]
    truncated = np.zeros_like(probabilities)
    truncated[kept] = probabilities[kept]
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
