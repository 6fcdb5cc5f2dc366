"""Which words the games of an evaluation hide, and what a guess looks like."""

import numpy as np

from qsft.tasks.episodes import AnswerFormat
from qsft.tasks.wordle.game import Game, load_words

# A guess is five letters.
ANSWER_FORMAT = AnswerFormat(stop="\n", max_tokens=5, turn_bits=4)


def new_games(count: int, seed: int) -> list[Game]:
    """Game i of a seed hides the same word for every player."""
    words = load_words()
    hidden = np.random.default_rng(seed).integers(len(words), size=count)
    return [Game(words[word]) for word in hidden]
