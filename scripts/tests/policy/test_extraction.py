"""Policy extraction on logits whose answer is known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qsft.policy.extraction import (
    RESERVED_SCORE,
    PolicyParameters,
    PolicyStep,
    StepWeights,
    extract,
    step_weights,
)

RESERVED = (0,)
THRESHOLD = 0.05


def extract_one(weights: StepWeights, seed: int = 0) -> PolicyStep:
    generator = torch.Generator().manual_seed(seed)
    behavior, value = (torch.randn(1, 6, generator=generator) * 2 for _ in range(2))
    return extract(behavior, value, [weights], RESERVED, THRESHOLD)


def test_beta_zero_is_exactly_the_behavior_model() -> None:
    step = extract_one(step_weights(PolicyParameters("kl", 0.0)))
    assert torch.equal(step.scores[0, 1:], step.behavior_logprobs[0, 1:])
    assert step.kl.item() == pytest.approx(0.0, abs=1e-6)


@given(st.floats(0.0, 64.0), st.integers(0, 100))
def test_the_policy_is_the_papers(beta: float, seed: int) -> None:
    step = extract_one(step_weights(PolicyParameters("kl", beta)), seed)
    tilted = step.behavior_logprobs[0].exp() * (beta * step.value_probs[0]).exp()
    policy = (step.scores - step.log_normalizer.unsqueeze(-1)).exp()[0]
    torch.testing.assert_close(policy, tilted / tilted.sum())


@given(st.floats(0.0, 64.0), st.integers(0, 100))
def test_kl_is_that_of_the_policy_from_the_behavior_model(beta: float, seed: int) -> None:
    step = extract_one(step_weights(PolicyParameters("entropy", beta)), seed)
    policy = torch.distributions.Categorical(logits=step.scores[0, 1:])
    behavior = torch.distributions.Categorical(logits=step.behavior_logprobs[0, 1:])
    expected = torch.distributions.kl_divergence(policy, behavior)
    torch.testing.assert_close(step.kl[0], expected, atol=1e-5, rtol=1e-4)


def test_entropy_forgets_the_behavior_model() -> None:
    step = extract_one(step_weights(PolicyParameters("entropy", 3.0)))
    torch.testing.assert_close(step.scores[0, 1:], 3.0 * step.value_probs[0, 1:])


def test_greedy_takes_the_token_of_highest_value_whatever_beta_is() -> None:
    step = extract_one(step_weights(PolicyParameters("greedy", 0.0)))
    assert step.argmax[0] == step.value_probs[0].argmax()


def test_reserved_tokens_are_never_the_policys() -> None:
    step = extract_one(step_weights(PolicyParameters("kl", 8.0)))
    assert step.scores[0, 0] == RESERVED_SCORE
    assert step.value_probs[0, 0] == 0
    assert step.behavior_logprobs[0, 1:].exp().sum().item() == pytest.approx(1.0)


def test_the_value_model_keeps_the_mass_of_its_dummy_token() -> None:
    behavior, value = torch.zeros(1, 3), torch.tensor([[10.0, 0.0, 0.0]])
    step = extract(behavior, value, [StepWeights(1.0, 0.0, 0.0)], RESERVED, THRESHOLD)
    assert step.value_probs.sum().item() < 1e-3


def test_the_ratio_is_clamped_and_only_where_the_behavior_model_supports_the_token() -> None:
    behavior = torch.tensor([[0.5, 0.46, 0.04]]).log()  # the last is below the threshold
    value = torch.tensor([[0.1, 0.6, 0.3]]).log()
    step = extract(behavior, value, [StepWeights(1.0, 0.0, 1.0)], (), THRESHOLD)
    torch.testing.assert_close(step.scores, torch.tensor([[0.2, 1.0, 0.0]]))


def test_rows_of_one_step_have_each_their_own_weights() -> None:
    weights = [StepWeights(4.0, 1.0, 0.0), StepWeights(2.0, 0.0, 1.0), StepWeights(0.0, 1.0, 0.0)]
    behavior, value = torch.randn(3, 6), torch.randn(3, 6)
    together = extract(behavior, value, weights, RESERVED, THRESHOLD)
    for row, own in enumerate(weights):
        alone = extract(behavior[[row]], value[[row]], [own], RESERVED, THRESHOLD)
        torch.testing.assert_close(together.scores[[row]], alone.scores)
