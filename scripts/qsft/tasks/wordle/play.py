"""Seeded games of Wordle between the environment and anything that answers prompts."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from qsft.tasks.wordle.game import Game, load_words

# A guess is five letters; a policy that writes more has not written a word.
MAX_ANSWER_TOKENS = 5
STOP = "\n"


class Player(Protocol):
    """Continues each prompt up to a newline; seeds make its answers repeatable."""

    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]: ...


def play(player: Player, games: int, seed: int) -> list[Game]:
    """Play `games` games side by side: game i hides the same word for every player."""
    words = load_words()
    hidden = np.random.default_rng(seed).integers(len(words), size=games)
    played = [Game(words[word]) for word in hidden]
    while running := [index for index, game in enumerate(played) if not game.over]:
        prompts = [played[index].transcript for index in running]
        seeds = [answer_seed(seed, index, len(played[index].guesses)) for index in running]
        for index, text in zip(running, player.answer(prompts, seeds), strict=True):
            played[index].guess(text)
    return played


def answer_seed(seed: int, game: int, turn: int) -> int:
    """One seed for each guess of each game."""
    return (seed << 32) + (game << 4) + turn
