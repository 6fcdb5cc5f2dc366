"""Batches: what each position means, and the order in which trajectories come."""

from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import UNIT_REWARD, letter_tokenizer, load, make_batch, trajectory

from qsft.config import RewardConfig
from qsft.training.batches import Batch, terminal_rewards
from qsft.trajectories import Trajectory, Turn

TOKENIZER = letter_tokenizer("abcdefghxyz")
MAX_TOKENS = 8


def positions(mask: torch.Tensor) -> list[int]:
    return mask.nonzero().flatten().tolist()


def one(item: Trajectory) -> Batch:
    return make_batch([item], TOKENIZER, MAX_TOKENS)


def test_the_next_action_lies_after_the_environments_reply() -> None:
    batch = one(trajectory("x", "ab", "yz", "c"))  # x a b y z c
    assert positions(batch.is_action[0]) == [1, 2, 5]
    assert batch.next_action[0, [1, 2]].tolist() == [2, 5]
    assert positions(batch.terminal[0]) == [5]
    assert positions(batch.trainable[0]) == [1, 2, 5]


def test_text_after_the_last_utterance_does_not_move_the_terminal_token() -> None:
    batch = one(trajectory("x", "ab", "yz", reward=0.5))
    assert positions(batch.terminal[0]) == [2]
    assert batch.rewards.tolist() == [0.5]


def test_a_truncated_trajectorys_last_action_has_no_target() -> None:
    batch = one(trajectory("x", "ab", "yz", "c", done=False))
    assert not batch.terminal.any()
    assert positions(batch.trainable[0]) == [1, 2]
    assert positions(batch.is_action[0]) == [1, 2, 5]


def test_the_first_token_is_no_action_since_no_state_precedes_it() -> None:
    batch = one(Trajectory((Turn("ab", True, 0.0), Turn("x", False, 0.0)), done=True))
    assert positions(batch.is_action[0]) == [1]
    assert positions(batch.trainable[0]) == [1]


def test_padding_is_neither_token_nor_action() -> None:
    batch = one(trajectory("x", "ab"))
    assert positions(batch.is_token[0]) == [0, 1, 2]
    assert batch.ids.dtype == torch.int64
    assert batch.ids.shape == (1, MAX_TOKENS)


@given(st.lists(st.booleans(), min_size=2, max_size=8), st.booleans())
def test_every_position_is_what_a_loop_says_it_is(actions: list[bool], done: bool) -> None:
    actions[-1] = True
    turns = tuple(Turn("a" if is_action else "x", is_action, 0.0) for is_action in actions)
    batch = one(Trajectory(turns, done))
    counted = [index for index in range(1, len(actions)) if actions[index]]
    assert positions(batch.is_action[0]) == counted
    for here, following in pairwise(counted):
        assert batch.next_action[0, here].item() == following
    assert batch.next_action[0, counted[-1]].item() == 0
    assert positions(batch.terminal[0]) == (counted[-1:] if done else [])
    assert positions(batch.trainable[0]) == (counted if done else counted[:-1])


def test_asking_for_a_batch_leaves_the_data_as_it_was() -> None:
    data = load([trajectory("x", "a")], TOKENIZER, MAX_TOKENS, UNIT_REWARD)
    first = data.first(1)
    first.is_action.fill_(True)
    first.ids.fill_(7)
    again = data.first(1)
    assert positions(again.is_action[0]) == [1]
    assert again.ids[0, 0].item() == TOKENIZER.token_to_id("x")


@pytest.mark.parametrize(
    ("earned", "expected"), [(-6.0, 0.0), (-3.0, 0.5), (0.0, 1.0), (-9.0, 0.0), (2.0, 1.0)]
)
def test_a_return_becomes_a_reward_between_0_and_1(earned: float, expected: float) -> None:
    scaled = terminal_rewards(np.array([earned], dtype=np.float32), RewardConfig(-6.0, 0.0))
    assert scaled.tolist() == [expected]


LETTERS = "abcdefgh"


def order(seed: int, batch_size: int, steps: range) -> list[list[str]]:
    """The action letters of the batches of some steps; each of eight trajectories has its own."""
    data = load([trajectory("x", letter) for letter in LETTERS], TOKENIZER, 3, UNIT_REWARD)
    batches = (data.batch_at(step, batch_size, seed) for step in steps)
    return [[TOKENIZER.id_to_token(int(row[1])) for row in batch.ids] for batch in batches]


def test_an_epoch_visits_every_trajectory_once() -> None:
    for epoch in range(3):
        seen = chain.from_iterable(order(0, 2, range(4 * epoch, 4 * epoch + 4)))
        assert sorted(seen) == list(LETTERS)


def test_an_epoch_of_uneven_batches_repeats_nothing() -> None:
    seen = list(chain.from_iterable(order(0, 3, range(2))))
    assert len(set(seen)) == len(seen) == 6


def test_epochs_and_seeds_have_each_their_own_order() -> None:
    epochs = order(0, 8, range(3)) + order(1, 8, range(3))
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_a_step_sees_the_same_batch_whatever_was_asked_before() -> None:
    in_turn = order(5, 3, range(9))
    assert order(5, 3, range(8, -1, -1)) == in_turn[::-1]
    assert order(5, 3, range(7, 8)) == in_turn[7:8]


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    assert sorted(order(0, 100, range(1))[0]) == list(LETTERS)
