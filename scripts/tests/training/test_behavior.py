"""The behavior stage: which tokens count."""

from dataclasses import replace

import pytest
import torch
from small_llama import small_llama
from small_runs import letter_tokenizer, make_batch, trajectory

from qsft.training.behavior import BehaviorStage, predict
from qsft.trajectories import Trajectory, Turn

TOKENIZER = letter_tokenizer("abxyz")
VOCAB_SIZE = TOKENIZER.get_vocab_size()
ITEMS = [trajectory("x", "ab", "yz", "b"), trajectory("xy", "a", done=False)]
BATCH = make_batch(ITEMS, TOKENIZER, 8)


def naive_loss(counted: torch.Tensor) -> float:
    """The mean of −log p over counted tokens, each predicted from the tokens before it."""
    model = small_llama(VOCAB_SIZE)
    losses = [
        -model(input_ids=BATCH.ids[row : row + 1, :here])
        .logits[0, -1]
        .log_softmax(dim=0)[BATCH.ids[row, here]]
        .item()
        for row, here in counted.nonzero().tolist()
        if here > 0
    ]
    return sum(losses) / len(losses)


def test_actions_alone_count_for_the_behavior() -> None:
    loss, _ = BehaviorStage("behavior", small_llama(VOCAB_SIZE), "actions").loss(BATCH, 0)
    assert loss.item() == pytest.approx(naive_loss(BATCH.is_action), rel=1e-4)


def test_every_token_counts_for_pretraining_which_reports_the_actions_apart() -> None:
    loss, metrics = BehaviorStage("pretrain", small_llama(VOCAB_SIZE), "all").loss(BATCH, 0)
    assert loss.item() == pytest.approx(naive_loss(BATCH.is_token), rel=1e-4)
    assert metrics["action_loss"].item() == pytest.approx(naive_loss(BATCH.is_action), rel=1e-4)


def test_a_batch_without_an_action_has_no_loss_and_moves_nothing() -> None:
    model = small_llama(VOCAB_SIZE)
    item = Trajectory((Turn("a", True, 0.0), Turn("xy", False, 0.0)), done=True)
    silent = make_batch([item], TOKENIZER, 8)
    loss, _ = BehaviorStage("behavior", model, "actions").loss(silent, 0)
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or p.grad.abs().sum() == 0 for p in model.parameters())


@pytest.mark.parametrize("packed", [False, True])
def test_each_token_is_predicted_from_its_own_trajectory_alone(packed: bool) -> None:
    model = small_llama(VOCAB_SIZE)
    for row, item in enumerate(ITEMS):
        alone = make_batch([item], TOKENIZER, 8)
        expected = predict(model, alone, alone.is_action)
        together = replace(BATCH, packed=packed)
        mine = (torch.arange(len(ITEMS)) == row)[:, None] & BATCH.is_action
        torch.testing.assert_close(predict(model, together, mine), expected)


def test_padding_changes_no_prediction_of_a_real_token() -> None:
    model = small_llama(VOCAB_SIZE)
    longer = make_batch(ITEMS, TOKENIZER, 12)
    torch.testing.assert_close(
        predict(model, longer, longer.is_action), predict(model, BATCH, BATCH.is_action)
    )
