"""The generator of offline games: a tuned mixture, seeded."""

from dataclasses import replace

import numpy as np
import pytest

from qsft.tasks.twenty_questions.data import (
    Bank,
    Mixture,
    generate_games,
    load_questions,
    play_games,
)
from qsft.tasks.twenty_questions.game import MAX_QUESTIONS, Game
from qsft.tasks.twenty_questions.objects import Object, load_objects
from qsft.tasks.twenty_questions.oracle import Oracle
from qsft.trajectories import Trajectory

PAPERS_MEAN_RETURN = -17.3


def returns(bank: Bank, mixture: Mixture, games: int, seed: int = 0) -> np.ndarray:
    hidden, asked = play_games(games, bank, mixture, np.random.default_rng(seed))
    made = asked >= 0
    solved = (bank.correct[asked, hidden[:, None]] & made).any(axis=1)
    return solved - made.sum(axis=1)


def test_the_data_has_the_papers_mean_return(bank: Bank) -> None:
    sample = returns(bank, Mixture(), 8_000)
    # Of 8,000 games the mean has a standard error of 0.05; two of them.
    assert sample.mean() == pytest.approx(PAPERS_MEAN_RETURN, abs=0.1)
    assert (sample == -MAX_QUESTIONS).mean() == pytest.approx(0.585, abs=0.02)


def test_more_good_questions_and_more_guesses_earn_more(bank: Bank) -> None:
    never = returns(bank, Mixture(0, 0), 500).mean()
    tuned = returns(bank, Mixture(), 500).mean()
    always = returns(bank, Mixture(1, 0), 500).mean()
    assert never < tuned - 1
    assert tuned < always - 5
    assert always == pytest.approx(-7.7, abs=0.5)
    assert returns(bank, replace(Mixture(), guess_share=0.4), 500).mean() > tuned + 1


def test_a_seed_gives_the_same_games_and_another_others(oracle: Oracle) -> None:
    first, again, other = (list(generate_games(30, seed, Mixture(), oracle)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def replayed(trajectory: Trajectory, oracle: Oracle, hidden: Object) -> Game:
    """The environment's own account of the same questions."""
    game = Game(oracle, hidden)
    for turn in trajectory.turns:
        if turn.is_action:
            game.act(turn.text)
    return game


def test_a_generated_game_is_one_that_the_environment_would_have_played(oracle: Oracle) -> None:
    for trajectory in generate_games(25, 0, Mixture(), oracle):
        text = "".join(turn.text for turn in trajectory.turns)
        same = [
            game
            for item in load_objects()
            if (game := replayed(trajectory, oracle, item)).transcript == text
        ]
        assert same
        assert all(game.over for game in same)
        # "Is it a cat? Yes." may be said of the cat, which ends the game, or of the lion.
        assert trajectory.total_reward in [game.total_reward for game in same]
        assert trajectory.done


def test_no_question_is_asked_twice(bank: Bank) -> None:
    _, asked = play_games(300, bank, Mixture(), np.random.default_rng(0))
    for row in asked:
        made = row[row >= 0]
        assert len(set(made)) == len(made)


def test_the_questions_of_the_file_split_the_objects_or_are_left_open(bank: Bank) -> None:
    assert len(set(load_questions())) == len(load_questions())
    general = slice(0, len(load_questions()))
    assert not bank.correct[general].any()
    assert bank.unknown[general].all(axis=1).sum() == 13
    # The oracle's answer to a question is open for every object or for none.
    assert (bank.unknown.all(axis=1) == bank.unknown.any(axis=1)).all()


def test_a_player_that_always_halves_finds_every_object(bank: Bank) -> None:
    assert returns(bank, Mixture(1, 0), 1000).min() > -MAX_QUESTIONS
