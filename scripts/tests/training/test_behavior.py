"""The behavior stage: which tokens count."""

import pytest
import torch
from small_llama import small_llama
from small_runs import letter_tokenizer, make_batch, trajectory

from qsft.losses import IGNORED
from qsft.training.behavior import BehaviorStage, predict, targets

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


def test_each_position_predicts_the_token_after_it() -> None:
    found = targets(BATCH, BATCH.is_action)
    ids = [TOKENIZER.token_to_id(letter) for letter in "ab"]
    assert found[0].tolist() == [*ids, IGNORED, IGNORED, ids[1], IGNORED, IGNORED]


def test_padding_changes_no_prediction_of_a_real_token() -> None:
    model = small_llama(VOCAB_SIZE)
    longer = make_batch(ITEMS, TOKENIZER, 12)
    torch.testing.assert_close(
        predict(model, longer)[:, :7][BATCH.is_token[:, 1:]],
        predict(model, BATCH)[BATCH.is_token[:, 1:]],
    )
