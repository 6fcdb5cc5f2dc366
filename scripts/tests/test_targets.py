"""The Bellman operator against plain Python, and what must hold of it for any two models."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from qsft.policy.extraction import extract_behavior
from qsft.targets import bellman_weights, next_value, step_gammas

ROWS, VOCAB_SIZE = 5, 12
RESERVED = (0, 3)
THRESHOLD = 0.05


def random_logprobs(seed: int, scale: float) -> tuple[Tensor, Tensor]:
    """Value's and behavior's, the latter with reserved ids masked as the trainer masks them."""
    generator = torch.Generator().manual_seed(seed)
    value, behavior = torch.randn(2, ROWS, VOCAB_SIZE, generator=generator) * scale
    return value.log_softmax(dim=1), extract_behavior(behavior, RESERVED)


def naive_next_value(value: Tensor, behavior: Tensor, threshold: float) -> tuple[float, int, float]:
    """One row: the largest ratio over the support, the support's size, the ratio over all."""
    ratios = {
        token: math.exp(value[token] - behavior[token])
        for token in range(VOCAB_SIZE)
        if token not in RESERVED
    }
    top = max(ratios, key=lambda token: float(behavior[token]))
    support = [token for token in ratios if token == top or behavior[token].exp() >= threshold]
    return max(ratios[token] for token in support), len(support), max(ratios.values())


seeds = st.integers(0, 2**32 - 1)
scales = st.floats(0.1, 8.0)


@given(seeds, scales, st.sampled_from([0.0, 0.01, THRESHOLD, 0.3, 0.999]))
def test_the_next_value_is_that_of_plain_python(seed: int, scale: float, threshold: float) -> None:
    value, behavior = random_logprobs(seed, scale)
    found = next_value(value, behavior, threshold)
    for row in range(ROWS):
        ratio, size, unrestricted = naive_next_value(value[row], behavior[row], threshold)
        assert found.ratio[row].item() == pytest.approx(ratio, rel=1e-4)
        assert found.support_size[row].item() == size
        assert found.unrestricted_ratio[row].item() == pytest.approx(unrestricted, rel=1e-4)


@given(seeds, scales)
def test_the_most_probable_token_is_supported_whatever_the_threshold(
    seed: int, scale: float
) -> None:
    value, behavior = random_logprobs(seed, scale)
    found = next_value(value, behavior, threshold=1.0)
    top = behavior.argmax(dim=1, keepdim=True)
    assert (found.support_size == 1).all()
    torch.testing.assert_close(found.ratio, (value - behavior).gather(1, top).squeeze(1).exp())


@given(seeds, scales, st.floats(0.0, 1.0))
def test_a_reserved_token_is_never_supported(seed: int, scale: float, threshold: float) -> None:
    value, behavior = random_logprobs(seed, scale)
    all_on_reserved = torch.full_like(value, -20.0)
    all_on_reserved[:, list(RESERVED)] = math.log(0.5)
    found = next_value(all_on_reserved.log_softmax(dim=1), behavior, threshold)
    without = [token for token in range(VOCAB_SIZE) if token not in RESERVED]
    expected = next_value(all_on_reserved[:, without], behavior[:, without], threshold)
    torch.testing.assert_close(found.ratio, expected.ratio, rtol=1e-4, atol=0.0)
    torch.testing.assert_close(
        found.unrestricted_ratio, expected.unrestricted_ratio, rtol=1e-4, atol=0.0
    )
    assert (found.support_size <= VOCAB_SIZE - len(RESERVED)).all()


def test_the_restriction_is_what_separates_the_two_ratios() -> None:
    behavior = torch.tensor([[0.6, 0.399, 0.001]]).log()
    value = torch.tensor([[0.3, 0.1, 0.6]]).log()
    found = next_value(value, behavior, threshold=0.01)
    assert found.ratio.item() == pytest.approx(0.5)
    assert found.unrestricted_ratio.item() == pytest.approx(600)
    assert found.support_size.item() == 2


def test_two_models_that_agree_have_the_largest_value() -> None:
    _, behavior = random_logprobs(0, 1.0)
    torch.testing.assert_close(next_value(behavior, behavior, 0.01).ratio, torch.ones(ROWS))


rewards = st.floats(-2.0, 2.0)
gammas = st.floats(0.0, 1.0)
next_values = st.floats(0.0, 1e30) | st.just(math.inf)


@given(rewards, gammas, next_values)
def test_a_weight_is_a_probability(reward: float, gamma: float, value: float) -> None:
    weight = bellman_weights(*(torch.tensor([x]) for x in (reward, gamma, value))).item()
    assert 0.0 <= weight <= 1.0
    exact = min(max(reward + gamma * min(value, 1.0), 0.0), 1.0)
    assert weight == pytest.approx(exact, abs=1e-6)


@given(seeds, scales, st.floats(0.0, 1.0), gammas)
def test_the_weight_of_any_two_models_is_a_probability(
    seed: int, scale: float, threshold: float, gamma: float
) -> None:
    ratio = next_value(*random_logprobs(seed, scale), threshold).ratio
    weights = bellman_weights(torch.zeros(ROWS), torch.full((ROWS,), gamma), ratio)
    assert ((weights >= 0) & (weights <= 1)).all()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("token", [0.9, 0.9, 0.9, 0.0]), ("turn", [1.0, 0.9, 1.0, 0.0])],
)
def test_gamma_applies_at_every_token_or_where_an_utterance_ends(
    mode: str, expected: list[float]
) -> None:
    ends_turn = torch.tensor([False, True, False, True])
    terminal = torch.tensor([False, False, False, True])
    found = step_gammas(0.9, mode, ends_turn, terminal)  # type: ignore[arg-type]
    torch.testing.assert_close(found, torch.tensor(expected))
