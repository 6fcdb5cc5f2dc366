"""The generator of offline games: the paper's mixture, seeded."""

from itertools import islice

import numpy as np
import pytest

from qsft.tasks.wordle.data import FITTING_SHARE, feedback_table, generate_games, play_games
from qsft.tasks.wordle.game import Game, feedback, load_words, read_guess
from qsft.trajectories import Trajectory

PAPERS_MEAN_RETURN = -4.12


def test_the_data_has_the_papers_mean_return() -> None:
    hidden, guesses = play_games(20_000, FITTING_SHARE, np.random.default_rng(0))
    returns = (guesses == hidden[:, None]).sum(axis=1) - (guesses >= 0).sum(axis=1)
    # Of 20,000 games the mean has a standard error of 0.011; three of them.
    assert returns.mean() == pytest.approx(PAPERS_MEAN_RETURN, abs=0.034)
    assert returns.std() == pytest.approx(1.59, abs=0.05)


def test_a_seed_gives_the_same_games_and_another_others() -> None:
    first, again, other = (list(generate_games(50, seed, 0.3)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_games_beyond_the_first_chunk_differ_from_it() -> None:
    games = list(generate_games(10_005, seed=0, fitting_share=0.3))
    assert len(games) == 10_005
    assert games[:5] != games[10_000:]


def replay(trajectory: Trajectory) -> Game:
    """The environment's own account of the same guesses; the last reply tells the hidden word."""
    guesses = [turn for turn in trajectory.turns if turn.is_action]
    solved = guesses[-1].reward == 0
    candidates = [
        word
        for word in load_words()
        if all(
            feedback(read_guess(turn.text), word) == read_guess(reply.text)
            for turn, reply in zip(guesses, islice(trajectory.turns, 2, None, 2), strict=True)
        )
    ]
    game = Game(read_guess(guesses[-1].text) if solved else candidates[0])
    for turn in guesses:
        game.act(turn.text)
    return game


def test_a_generated_game_is_one_that_the_environment_would_have_played() -> None:
    for trajectory in generate_games(50, seed=0, fitting_share=0.5):
        game = replay(trajectory)
        assert "".join(turn.text for turn in trajectory.turns) == game.transcript
        assert trajectory.total_reward == game.total_reward
        assert trajectory.done
        assert game.over


def test_a_player_that_always_uses_the_feedback_guesses_only_words_that_fit() -> None:
    table = feedback_table()
    hidden, guesses = play_games(300, 1.0, np.random.default_rng(0))
    for word, row in zip(hidden, guesses, strict=True):
        made = row[row >= 0]
        for turn, guess in enumerate(made):
            earlier = made[:turn]
            assert (table[earlier, guess] == table[earlier, word]).all()


def test_more_use_of_the_feedback_earns_more() -> None:
    def mean_return(share: float) -> float:
        hidden, guesses = play_games(2_000, share, np.random.default_rng(0))
        return float(((guesses == hidden[:, None]).sum(1) - (guesses >= 0).sum(1)).mean())

    never, sometimes, always = (mean_return(share) for share in (0.0, 0.5, 1.0))
    assert never == pytest.approx(-6, abs=0.05)
    assert never < sometimes - 1 < always - 2
    assert always > -2.5


def test_a_game_ends_where_the_word_is_found() -> None:
    hidden, guesses = play_games(500, 0.5, np.random.default_rng(0))
    for word, row in zip(hidden, guesses, strict=True):
        ended = (row < 0).nonzero()[0]
        made = row[: ended[0]] if len(ended) else row
        assert (made[:-1] != word).all()
        assert (row[len(made) :] == -1).all()
        assert len(made) == 6 or made[-1] == word


def test_the_feedback_table_tells_apart_what_feedback_does() -> None:
    words, table = load_words()[:40], feedback_table()
    for guess in range(40):
        texts = [feedback(words[guess], hidden) for hidden in words]
        codes = table[guess, :40].tolist()
        assert len(set(zip(texts, codes, strict=True))) == len(set(texts)) == len(set(codes))
