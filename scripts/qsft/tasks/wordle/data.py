"""Offline Wordle games by a mixed player: now and then a word that fits, mostly any word."""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from qsft.tasks.choice import choose_allowed
from qsft.tasks.wordle.game import HEADER, MAX_GUESSES, feedback, load_words, spell
from qsft.trajectories import Trajectory, Turn

# The share of guesses that use the feedback, tuned so that the mean return is the paper's −4.12.
FITTING_SHARE = 0.325
_CHUNK = 10_000


def generate_games(count: int, seed: int, fitting_share: float) -> Iterator[Trajectory]:
    """Yield `count` games; the same seed and count give the same games."""
    rng = np.random.default_rng(seed)
    words = load_words()
    for start in range(0, count, _CHUNK):
        hidden, guesses = play_games(min(_CHUNK, count - start), fitting_share, rng)
        for word, row in zip(hidden, guesses, strict=True):
            yield _trajectory(words[word], [words[guess] for guess in row if guess >= 0])


def play_games(
    count: int, fitting_share: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Play games side by side: hidden words (count,), guesses (count, 6) with −1 after the end."""
    table = feedback_table()
    size = len(table)
    hidden = rng.integers(size, size=count)
    guesses = np.full((count, MAX_GUESSES), -1)
    fits = np.ones((count, size), dtype=bool)
    running = np.arange(count)
    for turn in range(MAX_GUESSES):
        any_word = rng.integers(size, size=len(running))
        fitting_word = choose_allowed(fits[running], rng)
        fitting = rng.random(len(running)) < fitting_share
        guess = np.where(fitting, fitting_word, any_word)
        guesses[running, turn] = guess
        fits[running] &= table[guess] == table[guess, hidden[running]][:, None]
        running = running[guess != hidden[running]]
    return hidden, guesses


@cache
def feedback_table() -> NDArray[np.uint8]:
    """(guess, hidden) → a number that stands for the feedback."""
    words = load_words()
    codes: dict[str, int] = {}
    return np.array(
        [[codes.setdefault(feedback(g, h), len(codes)) for h in words] for g in words],
        dtype=np.uint8,
    )


def _trajectory(hidden: str, guesses: list[str]) -> Trajectory:
    turns = [Turn(HEADER, is_action=False, reward=0.0)]
    for guess in guesses:
        turns.append(Turn(spell(guess), is_action=True, reward=0.0 if guess == hidden else -1.0))
        turns.append(Turn(spell(feedback(guess, hidden)), is_action=False, reward=0.0))
    return Trajectory(tuple(turns), done=True)
