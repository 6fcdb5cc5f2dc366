"""Q-SFT's claims on small MDPs whose Q* is known: a table of logits, the project's loss and target.

The data's actions have π_β from 1/17 upwards; the states form random graphs with cycles.
"""

from functools import cache
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from tabular import Mdp, learn, optimal_q, paper_fixed_point, random_graph, two_armed

from qsft.losses import Smoothing

GAMMA = 0.8
THRESHOLD = 1e-3
TOLERANCE = 1e-4
VOCAB_SIZE = 300
SEEDS = range(3)


def make_mdp(seed: int) -> Mdp:
    return random_graph(seed, states=8, branches=3, vocab_size=VOCAB_SIZE, gamma=GAMMA)


@cache
def learned_p(seed: int, smoothing: Smoothing) -> NDArray[np.float64]:
    mdp = make_mdp(seed)
    return learn(mdp, mdp.behavior, smoothing, THRESHOLD).p


def ratio_error(seed: int, smoothing: Smoothing) -> NDArray[np.float64]:
    """p/π_β − Q* of the actions that the data has, one after the other."""
    mdp = make_mdp(seed)
    on_data = mdp.counts > 0
    ratio = learned_p(seed, smoothing)[on_data] / mdp.behavior[on_data]
    error: NDArray[np.float64] = ratio - optimal_q(mdp)[on_data]
    return error


@pytest.mark.parametrize("seed", SEEDS)
def test_with_a_dummy_token_the_ratio_reaches_the_optimal_value(seed: int) -> None:
    assert abs(ratio_error(seed, "leftover")).max() < TOLERANCE


@pytest.mark.parametrize("seed", SEEDS)
def test_with_uniform_smoothing_p_reaches_the_papers_fixed_point(seed: int) -> None:
    expected = paper_fixed_point(make_mdp(seed))
    np.testing.assert_allclose(learned_p(seed, "uniform"), expected, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_smoothing_overestimates_by_no_more_than_its_known_bias(seed: int) -> None:
    mdp = make_mdp(seed)
    error = ratio_error(seed, "uniform")
    # (1 − w)/((|A| − 1)·π) with w ≥ 0, made anew at every step of a discounted future.
    bias = 1 / ((VOCAB_SIZE - 1) * mdp.behavior[mdp.counts > 0].min())
    assert error.min() > -TOLERANCE
    assert error.max() < bias / (1 - GAMMA)
    assert error.max() > 0.01  # 300 tokens are few enough for the bias to show


@pytest.mark.parametrize("smoothing", get_args(Smoothing))
@pytest.mark.parametrize("seed", SEEDS)
def test_p_lies_between_the_bounds_of_theorem_4_1(seed: int, smoothing: Smoothing) -> None:
    mdp = make_mdp(seed)
    p, q = learned_p(seed, smoothing), optimal_q(mdp)
    covered = (mdp.counts > 0) & (q >= 1 / (VOCAB_SIZE - 1))
    assert (p >= q * mdp.behavior - TOLERANCE)[covered].all()
    assert (p <= q + TOLERANCE)[covered].all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_behaviors_own_value_is_far_below_the_optimal_one(seed: int) -> None:
    """Else reaching Q* would prove little: these graphs reward choosing."""
    mdp = make_mdp(seed)
    own = np.zeros(len(mdp.counts) + 1)
    for _ in range(200):
        own[:-1] = (mdp.behavior * (mdp.reward + GAMMA * own[mdp.next_state])).sum(axis=1)
    assert (optimal_q(mdp).max(axis=1) - own[:-1]).mean() > 0.2


def with_rare_mass(mdp: Mdp, mass: float) -> NDArray[np.float64]:
    """π_φ as a softmax learns it: `mass` spread over the tokens that the data does not have."""
    absent = mdp.counts == 0
    return np.where(absent, mass / absent.sum(axis=1, keepdims=True), mdp.behavior * (1 - mass))


def test_an_unrestricted_max_makes_the_weight_six_hundred_where_the_truth_is_a_half() -> None:
    mdp = two_armed(vocab_size=50_257)
    value = learn(mdp, with_rare_mass(mdp, 1e-3), "uniform", threshold=0.0).value
    assert value[1] == pytest.approx(600, rel=0.01)


@pytest.mark.parametrize(
    ("vocab_size", "expected"), [(11, 0.5701), (1_000, 0.5007), (50_257, 0.5000)]
)
def test_a_max_over_supported_tokens_stays_at_the_truth(vocab_size: int, expected: float) -> None:
    mdp = two_armed(vocab_size)
    value = learn(mdp, with_rare_mass(mdp, 1e-3), "uniform", THRESHOLD).value
    assert value[1] == pytest.approx(expected, abs=1e-3)


def test_the_blow_up_reaches_every_state_before_it_and_hides_which_action_is_better() -> None:
    mdp = two_armed(vocab_size=1_000)
    behavior = with_rare_mass(mdp, 1e-3)
    unrestricted = learn(mdp, behavior, "uniform", threshold=0.0)
    restricted = learn(mdp, behavior, "uniform", THRESHOLD)
    # The weight of state 0's action is clamped to 1, the largest return there is; the truth is 0.5.
    assert unrestricted.p[0, 1] == pytest.approx(1.0, abs=0.01)
    assert restricted.p[0, 1] == pytest.approx(0.5, abs=0.01)
