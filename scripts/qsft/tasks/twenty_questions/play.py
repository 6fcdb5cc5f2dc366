"""Which objects the games of an evaluation hide, and what a question looks like."""

import numpy as np

from qsft.tasks.episodes import AnswerFormat
from qsft.tasks.twenty_questions.game import Game
from qsft.tasks.twenty_questions.objects import load_objects
from qsft.tasks.twenty_questions.oracle import Oracle

# The data's longest question has fewer than 16 tokens of SmolLM2's.
ANSWER_FORMAT = AnswerFormat(stop="?", max_tokens=16, turn_bits=5)


def new_games(count: int, seed: int, oracle: Oracle) -> list[Game]:
    """Game i of a seed hides the same object for every player."""
    objects = load_objects()
    hidden = np.random.default_rng(seed).integers(len(objects), size=count)
    return [Game(oracle, objects[item]) for item in hidden]
