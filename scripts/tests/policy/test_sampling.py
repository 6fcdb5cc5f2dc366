"""The sampler against naive definitions and known draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qsft.policy.extraction import RESERVED_SCORE
from qsft.policy.sampling import SamplingParameters, sample_token, sampling_under, uniform

ROW = st.lists(st.floats(-8, 8, width=16), min_size=1, max_size=12).map(
    lambda scores: np.array(scores, dtype=np.float32)
)
DRAW = st.floats(0, 1, exclude_max=True)


def scores_of(*probabilities: float) -> NDArray[np.float32]:
    return np.log(np.array(probabilities, dtype=np.float32))


def tokens(scores: NDArray[np.float32], sampling: SamplingParameters, count: int) -> list[int]:
    """What `count` evenly spread draws take."""
    return [sample_token(scores, sampling, (i + 0.5) / count) for i in range(count)]


def test_even_draws_give_the_distribution() -> None:
    drawn = tokens(scores_of(0.5, 0.3, 0.2), SamplingParameters(), 1000)
    assert np.bincount(drawn).tolist() == [500, 300, 200]


def test_temperature_sharpens() -> None:
    drawn = tokens(scores_of(0.5, 0.25, 0.25), SamplingParameters(temperature=0.5), 600)
    assert np.bincount(drawn).tolist() == [400, 100, 100]  # 4 : 1 : 1


@given(ROW, DRAW)
def test_temperature_zero_takes_the_lowest_id_of_the_best(
    scores: NDArray[np.float32], draw: float
) -> None:
    sampling = SamplingParameters(temperature=0.0, top_k=1, top_p=0.1)
    assert sample_token(scores, sampling, draw) == scores.tolist().index(scores.max())


@given(ROW, DRAW, st.integers(1, 12))
def test_top_k_keeps_the_k_best_and_the_lower_id_of_equals(
    scores: NDArray[np.float32], draw: float, top_k: int
) -> None:
    best = sorted(range(len(scores)), key=lambda token: (-scores[token], token))[:top_k]
    assert sample_token(scores, SamplingParameters(top_k=top_k), draw) in best


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    scores = scores_of(0.1, 0.2, 0.3, 0.4)
    assert set(tokens(scores, SamplingParameters(top_p=0.69), 100)) == {2, 3}
    assert set(tokens(scores, SamplingParameters(top_p=0.71), 100)) == {1, 2, 3}


def test_top_p_counts_within_what_top_k_kept() -> None:
    scores = scores_of(0.1, 0.2, 0.3, 0.4)
    assert set(tokens(scores, SamplingParameters(top_k=2, top_p=0.56), 100)) == {3}


@given(ROW, DRAW, st.floats(0.1, 4), st.integers(0, 12), st.floats(0.01, 1))
def test_a_reserved_token_is_never_drawn(
    scores: NDArray[np.float32], draw: float, temperature: float, top_k: int, top_p: float
) -> None:
    with_reserved = np.concatenate([[np.float32(RESERVED_SCORE)], scores])
    sampling = SamplingParameters(temperature, top_k, top_p)
    assert sample_token(with_reserved, sampling, draw) != 0


@given(st.integers(-(2**53) + 1, 2**53 - 1), st.integers(0, 127), st.integers(0, 10**6))
def test_a_uniform_is_in_the_unit_interval(seed: int, choice: int, step: int) -> None:
    assert 0 <= uniform(seed, choice, step) < 1


def test_uniforms_are_uniform_and_independent_of_their_neighbours() -> None:
    draws = np.array([[uniform(seed, 0, step) for step in range(100)] for seed in range(100)])
    counts, _ = np.histogram(draws, bins=20, range=(0, 1))
    assert ((counts - 500) ** 2 / 500).sum() < 43.8  # χ² with 19 degrees of freedom, p = 0.001
    for shifted in (draws[1:], draws[:, 1:]):
        aligned = draws[: shifted.shape[0], : shifted.shape[1]]
        assert abs(np.corrcoef(aligned.ravel(), shifted.ravel())[0, 1]) < 0.04


def test_seed_choice_and_step_all_count() -> None:
    draws = {uniform(*key) for key in [(0, 0, 0), (1, 0, 0), (2**32, 0, 0), (0, 1, 0), (0, 0, 1)]}
    assert len(draws) == 5


def test_greedy_extraction_has_no_temperature() -> None:
    sampling = SamplingParameters(temperature=0.7, top_k=4)
    assert sampling_under("greedy", sampling) == SamplingParameters(temperature=0.0, top_k=4)
    assert sampling_under("kl", sampling) == sampling


@pytest.mark.parametrize("draw", [0.0, 1 - 2.0**-53])
def test_extreme_draws_take_tokens_that_have_probability(draw: float) -> None:
    scores = np.array([RESERVED_SCORE, 0.0, RESERVED_SCORE], dtype=np.float32)
    assert sample_token(scores, SamplingParameters(), draw) == 1


def test_min_p_keeps_what_is_near_the_best() -> None:
    scores = scores_of(0.1, 0.2, 0.3, 0.4)
    assert set(tokens(scores, SamplingParameters(min_p=0.6), 100)) == {2, 3}
    assert set(tokens(scores, SamplingParameters(min_p=1.0), 100)) == {3}


def test_min_p_comes_after_top_p() -> None:
    scores = scores_of(0.1, 0.2, 0.3, 0.4)
    sampling = SamplingParameters(top_p=0.75, min_p=0.3)
    assert set(tokens(scores, sampling, 100)) == {1, 2, 3}
