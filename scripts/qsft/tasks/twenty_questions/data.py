"""Offline games of a mixed player: random questions, halving ones and early guesses."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from qsft.tasks.choice import choose_allowed
from qsft.tasks.twenty_questions.game import HEADER, MAX_QUESTIONS, reply
from qsft.tasks.twenty_questions.objects import load_objects
from qsft.tasks.twenty_questions.oracle import Answer, Oracle
from qsft.trajectories import Trajectory, Turn

_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often the player asks well and how often it guesses early; else any question.

    The defaults are tuned so that the mean return is the paper's −17.3.
    """

    informative_share: float = 0.289
    guess_share: float = 0.1


@dataclass(frozen=True, slots=True)
class Bank:
    """Every question that is asked, and its answers: arrays (questions, objects)."""

    questions: tuple[str, ...]
    yes: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    # (objects,): the question that guesses each object.
    guesses: NDArray[np.int64]


def generate_games(count: int, seed: int, mixture: Mixture, oracle: Oracle) -> Iterator[Trajectory]:
    """Yield `count` games; the same seed and count give the same games."""
    rng = np.random.default_rng(seed)
    bank = make_bank(oracle)
    for start in range(0, count, _CHUNK):
        hidden, asked = play_games(min(_CHUNK, count - start), bank, mixture, rng)
        for item, row in zip(hidden, asked, strict=True):
            yield _trajectory(bank, item, row[row >= 0])


@cache
def load_questions() -> tuple[str, ...]:
    """The questions of `questions.txt`."""
    text = (resources.files(__package__) / "questions.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


def make_bank(oracle: Oracle) -> Bank:
    """The file's questions, then one guess for each object."""
    objects = load_objects()
    guesses = [f"Is it {item.phrase}?" for item in objects]
    questions = (*load_questions(), *guesses)
    answers = np.array([[oracle.answer(text, item) for item in objects] for text in questions])
    return Bank(
        questions=questions,
        yes=answers == Answer.YES,
        unknown=answers == Answer.UNKNOWN,
        correct=np.array(
            [[oracle.is_correct_guess(text, item) for item in objects] for text in questions]
        ),
        guesses=np.arange(len(load_questions()), len(questions)),
    )


def play_games(
    count: int, bank: Bank, mixture: Mixture, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Play games side by side: hidden objects (count,), questions (count, 20), −1 after the end."""
    objects = len(bank.guesses)
    hidden = rng.integers(objects, size=count)
    asked = np.full((count, MAX_QUESTIONS), -1)
    unasked = np.ones((count, len(bank.questions)), dtype=bool)
    possible = np.ones((count, objects), dtype=bool)
    running = np.arange(count)
    for turn in range(MAX_QUESTIONS):
        kind = rng.random(len(running))
        halves = kind < mixture.informative_share
        guesses = ~halves & (kind < mixture.informative_share + mixture.guess_share)
        question = choose_allowed(unasked[running], rng)
        question[guesses] = bank.guesses[choose_allowed(possible[running[guesses]], rng)]
        best = _best_splits(bank, possible[running[halves]], unasked[running[halves]])
        question[halves] = choose_allowed(best, rng)
        asked[running, turn] = question
        unasked[running, question] = False
        truth = hidden[running]
        right = bank.correct[question, truth]
        possible[running] &= bank.yes[question] == bank.yes[question, truth][:, None]
        possible[running] &= bank.correct[question] == right[:, None]
        running = running[~right]
    return hidden, asked


def _best_splits(
    bank: Bank, possible: NDArray[np.bool_], unasked: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n, questions): the unasked questions whose two answers are the most nearly even."""
    yes = possible.astype(np.float32) @ bank.yes.T.astype(np.float32)
    smaller = np.minimum(yes, possible.sum(axis=1)[:, None] - yes)
    # Where one object is left nothing can be split, and the question to ask is the guess.
    alone = possible.sum(axis=1) == 1
    smaller[alone] = possible[alone].astype(np.float32) @ bank.correct.T.astype(np.float32)
    smaller[~unasked] = -1
    best: NDArray[np.bool_] = smaller == smaller.max(axis=1)[:, None]
    return best


def _trajectory(bank: Bank, hidden: int, asked: NDArray[np.int64]) -> Trajectory:
    turns = [Turn(HEADER, is_action=False, reward=0.0)]
    for question in asked:
        correct = bank.correct[question, hidden]
        yes, unknown = bank.yes[question, hidden], bank.unknown[question, hidden]
        answer = Answer.YES if yes else Answer.UNKNOWN if unknown else Answer.NO
        turns.append(
            Turn(bank.questions[question], is_action=True, reward=0.0 if correct else -1.0)
        )
        turns.append(Turn(reply(answer), is_action=False, reward=0.0))
    return Trajectory(tuple(turns), done=True)
