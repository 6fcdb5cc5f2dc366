"""Seeded episodes between a task's environment and anything that answers prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Player(Protocol):
    """Continues each prompt up to the task's stop; seeds make its answers repeatable."""

    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]: ...


class Episode(Protocol):
    """One game in progress; `transcript` is the prompt for the next action."""

    transcript: str

    @property
    def turn(self) -> int:
        """How many actions were taken."""

    @property
    def over(self) -> bool: ...

    @property
    def solved(self) -> bool: ...

    @property
    def total_reward(self) -> float: ...

    def act(self, text: str) -> None:
        """Take what the player wrote, sense or nonsense."""


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """Where an action ends; a policy that writes more tokens has written none."""

    stop: str
    max_tokens: int
    # Bits that number the actions of an episode.
    turn_bits: int


def play(player: Player, episodes: Sequence[Episode], format: AnswerFormat, seed: int) -> None:
    """Play all episodes to their ends, side by side."""
    while running := [index for index, episode in enumerate(episodes) if not episode.over]:
        prompts = [episodes[index].transcript for index in running]
        seeds = [answer_seed(seed, index, episodes[index].turn, format) for index in running]
        for index, text in zip(running, player.answer(prompts, seeds), strict=True):
            episodes[index].act(text)


def answer_seed(seed: int, episode: int, turn: int, format: AnswerFormat) -> int:
    """One seed for each action of each episode."""
    return (seed << 32) + (episode << format.turn_bits) + turn
