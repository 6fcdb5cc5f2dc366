"""Trajectories as arrays: which tokens are actions, where utterances end, and what is refused."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from small_runs import letter_tokenizer, trajectory
from tokenizers import Tokenizer, normalizers

from qsft.config import ConfigError
from qsft.encoding import encode_trajectories, load_trajectories, save_encoded, token_ids
from qsft.tasks.wordle.data import generate_games
from qsft.tasks.wordle.tokenizer import build_tokenizer
from qsft.trajectories import Trajectory, TrajectoryError, Turn, write_trajectories

TOKENIZER = letter_tokenizer("abxyz")
A, B, X, Y, Z = range(2, 7)


def test_actions_are_marked_and_the_last_token_of_each_ends_its_turn() -> None:
    encoded = encode_trajectories([trajectory("x", "ab", "yz", "b", "x")], TOKENIZER, 9)
    assert encoded.ids.tolist() == [[X, A, B, Y, Z, B, X, 0, 0]]
    assert encoded.is_action[0].nonzero()[0].tolist() == [1, 2, 5]
    assert encoded.ends_turn[0].nonzero()[0].tolist() == [2, 5]
    assert encoded.lengths.tolist() == [7]


def test_each_trajectory_keeps_its_return_and_whether_it_ended() -> None:
    first = Trajectory((Turn("a", True, -1.0), Turn("x", False, 0.0), Turn("b", True, 0.25)), True)
    second = trajectory("x", "a", reward=0.5, done=False)
    encoded = encode_trajectories([first, second], TOKENIZER, 4)
    assert encoded.returns.tolist() == [-0.75, 0.5]
    assert encoded.done.tolist() == [True, False]
    assert len(encoded) == 2


def test_turns_are_tokenized_apart_so_that_no_token_holds_state_and_action() -> None:
    games = list(generate_games(20, seed=0, fitting_share=0.5))
    tokenizer = build_tokenizer()
    encoded = encode_trajectories(games, tokenizer, 61)
    for row, game in enumerate(games):
        expected = [
            (token, turn.is_action)
            for turn in game.turns
            for token in tokenizer.encode(turn.text).ids
        ]
        found = zip(encoded.ids[row].tolist(), encoded.is_action[row].tolist(), strict=True)
        assert list(found)[: encoded.lengths[row]] == expected


def test_a_trajectory_may_have_exactly_the_most_tokens() -> None:
    assert encode_trajectories([trajectory("x", "ab")], TOKENIZER, 3).lengths.tolist() == [3]


def test_a_longer_trajectory_is_refused_with_its_number_and_the_limit() -> None:
    items = [trajectory("x", "a"), trajectory("x", "ab", "y")]
    with pytest.raises(TrajectoryError, match=r"trajectory 2: 4 tokens, max_tokens allows 3"):
        encode_trajectories(items, TOKENIZER, 3)


def test_an_utterance_without_tokens_is_refused() -> None:
    with pytest.raises(TrajectoryError, match=r"trajectory 1: turns\[1\]\.text: no tokens in '\\n"):
        encode_trajectories([trajectory("a", "\n", reward=1.0)], _dropping_newlines(), 4)


def test_a_reply_without_tokens_leaves_the_end_of_the_utterance_marked() -> None:
    encoded = encode_trajectories([trajectory("x", "ab", "\n", "b")], _dropping_newlines(), 4)
    assert encoded.ends_turn[0].nonzero()[0].tolist() == [2, 3]


def test_no_trajectories_are_refused() -> None:
    with pytest.raises(TrajectoryError, match="no trajectories"):
        encode_trajectories([], TOKENIZER, 4)


@pytest.mark.parametrize("count", [1, 3])
def test_an_encoded_file_gives_back_the_same_arrays(count: int, tmp_path: Path) -> None:
    items = [trajectory("x", "ab", "yz", "b", reward=0.1 * i, done=i != 1) for i in range(count)]
    encoded = encode_trajectories(items, TOKENIZER, 8)
    path = tmp_path / "games.npz"
    save_encoded(path, encoded)
    loaded = load_trajectories(path, TOKENIZER, 8)
    for name, array in asdict(encoded).items():
        np.testing.assert_array_equal(getattr(loaded, name), array, err_msg=name)
        assert getattr(loaded, name).dtype == array.dtype


def test_json_lines_and_their_encoded_file_load_alike(tmp_path: Path) -> None:
    path = tmp_path / "games.jsonl"
    write_trajectories(path, [trajectory("x", "ab", reward=0.5), trajectory("y", "b")])
    direct = load_trajectories(path, TOKENIZER, 5)
    save_encoded(tmp_path / "games.npz", direct)
    through_file = load_trajectories(tmp_path / "games.npz", TOKENIZER, 5)
    for name, array in asdict(direct).items():
        np.testing.assert_array_equal(getattr(through_file, name), array, err_msg=name)


def test_an_encoded_file_of_longer_trajectories_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "games.npz"
    save_encoded(path, encode_trajectories([trajectory("x", "ab", "yz")], TOKENIZER, 8))
    with pytest.raises(TrajectoryError, match=r"games\.npz: 5 tokens, max_tokens allows 4"):
        load_trajectories(path, TOKENIZER, 4)
    assert load_trajectories(path, TOKENIZER, 5).ids.shape == (1, 5)


def test_tokens_are_looked_up_by_name() -> None:
    assert token_ids(TOKENIZER, ["<leftover>", "b"]) == (1, B)


def test_a_token_the_tokenizer_lacks_is_named() -> None:
    with pytest.raises(ConfigError, match="'<eos>'"):
        token_ids(TOKENIZER, ["a", "<eos>"])


def _dropping_newlines() -> Tokenizer:
    """A tokenizer to which a newline alone is nothing, as some strip white space."""
    tokenizer = letter_tokenizer("abxyz")
    tokenizer.normalizer = normalizers.Strip()
    return tokenizer
