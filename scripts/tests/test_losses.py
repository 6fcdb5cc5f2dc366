"""The losses against loops over tokens, and where their minima lie."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qsft.losses import behavior_losses, mean, value_loss

ROWS, VOCAB_SIZE, LEFTOVER = 6, 7, 1


def random_rows(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """log p_θ (n, vocab), actions (n,) and weights (n,)."""
    generator = torch.Generator().manual_seed(seed)
    logprobs = torch.randn(ROWS, VOCAB_SIZE, generator=generator).log_softmax(dim=1)
    actions = torch.randint(2, VOCAB_SIZE, (ROWS,), generator=generator)
    return logprobs, actions, torch.rand(ROWS, generator=generator)


@given(st.integers(0, 1000))
def test_the_uniform_value_loss_is_equation_3(seed: int) -> None:
    logprobs, actions, weights = random_rows(seed)
    total = 0.0
    for row, (action, weight) in enumerate(zip(actions.tolist(), weights.tolist(), strict=True)):
        total += weight * logprobs[row, action].item()
        for other in range(VOCAB_SIZE):
            if other != action:
                total += (1 - weight) / (VOCAB_SIZE - 1) * logprobs[row, other].item()
    found = value_loss(logprobs, actions, weights, "uniform", LEFTOVER)
    assert found.item() == pytest.approx(-total / ROWS, rel=1e-5)


@given(st.integers(0, 1000))
def test_the_uniform_value_loss_gives_nothing_to_reserved_ids(seed: int) -> None:
    logits, actions, weights = random_rows(seed)
    logits[:, :2] -= 1e4  # ids 0 and 1 have no probability, as where they had no logits
    found = value_loss(logits.log_softmax(dim=1), actions, weights, "uniform", LEFTOVER, (0, 1))
    without = logits[:, 2:].log_softmax(dim=1)
    expected = value_loss(without, actions - 2, weights, "uniform", LEFTOVER)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@given(st.integers(0, 1000))
def test_the_leftover_value_loss_gives_the_rest_to_the_dummy_token(seed: int) -> None:
    logprobs, actions, weights = random_rows(seed)
    total = sum(
        weight * logprobs[row, action].item() + (1 - weight) * logprobs[row, LEFTOVER].item()
        for row, (action, weight) in enumerate(zip(actions.tolist(), weights.tolist(), strict=True))
    )
    found = value_loss(logprobs, actions, weights, "leftover", LEFTOVER)
    assert found.item() == pytest.approx(-total / ROWS, rel=1e-5)


def test_a_weight_of_one_makes_both_losses_plain_cross_entropy() -> None:
    logprobs, actions, _ = random_rows(0)
    ones = torch.ones(ROWS)
    expected = torch.nn.functional.nll_loss(logprobs, actions)
    torch.testing.assert_close(value_loss(logprobs, actions, ones, "uniform", LEFTOVER), expected)
    torch.testing.assert_close(value_loss(logprobs, actions, ones, "leftover", LEFTOVER), expected)


def test_the_minimum_of_the_leftover_loss_is_the_weight_itself() -> None:
    weight = 0.3
    p = torch.zeros(1, VOCAB_SIZE)
    p[0, 4], p[0, LEFTOVER] = weight, 1 - weight
    logits = p.clamp(min=1e-12).log().requires_grad_()
    args = (torch.tensor([4]), torch.tensor([weight]), "leftover", LEFTOVER)
    value_loss(logits.log_softmax(dim=1), *args).backward()  # type: ignore[arg-type]
    assert logits.grad is not None
    assert logits.grad.abs().max().item() < 1e-6


def test_the_behavior_loss_is_that_of_each_token() -> None:
    logits = torch.randn(3, VOCAB_SIZE, generator=torch.Generator().manual_seed(0))
    logprobs = logits.log_softmax(dim=1)
    expected = -torch.stack([logprobs[0, 2], logprobs[1, 4], logprobs[2, 6]])
    torch.testing.assert_close(behavior_losses(logits, torch.tensor([2, 4, 6])), expected)


def test_nothing_to_learn_from_is_a_loss_of_0_without_gradient() -> None:
    logits = torch.randn(0, VOCAB_SIZE).requires_grad_()
    none = torch.zeros(0, dtype=torch.int64)
    for loss in (
        mean(behavior_losses(logits, none)),
        value_loss(logits.log_softmax(dim=1), none, torch.zeros(0), "uniform", LEFTOVER),
    ):
        assert loss.item() == 0
        loss.backward()
