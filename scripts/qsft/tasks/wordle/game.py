"""The rules of Wordle and its text: what a guess earns and how the environment replies.

A game reads "Wordle:\\n", then in turn a guess "s h i r e\\n" and its feedback "b y g g b\\n":
b (black), the letter is nowhere; y (yellow), elsewhere; g (green), here. A guess that is no word of
the list is answered by an empty line. Every guess but the right one costs 1.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib import resources

HEADER = "Wordle:\n"
MAX_GUESSES = 6
WORD_LENGTH = 5


@cache
def load_words() -> tuple[str, ...]:
    """The 431 words that may be hidden and guessed; `words.txt` tells where they come from."""
    text = (resources.files(__package__) / "words.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


def feedback(guess: str, hidden: str) -> str:
    """Five of b, y, g. A letter is yellow whenever the word has it, however often it is guessed."""
    return "".join(
        "g" if letter == hidden[place] else "y" if letter in hidden else "b"
        for place, letter in enumerate(guess)
    )


def spell(letters: str) -> str:
    """ "shire" → "s h i r e\\n"."""
    return " ".join(letters) + "\n"


def read_guess(text: str) -> str:
    """The word in a player's text; spaces between letters are optional."""
    return text.strip().replace(" ", "")


@dataclass
class Game:
    """One game in progress; `transcript` is the prompt for the next guess."""

    hidden: str
    transcript: str = HEADER
    guesses: list[str] = field(default_factory=list)

    @property
    def turn(self) -> int:
        return len(self.guesses)

    @property
    def solved(self) -> bool:
        return bool(self.guesses) and self.guesses[-1] == self.hidden

    @property
    def over(self) -> bool:
        return self.solved or self.turn == MAX_GUESSES

    @property
    def total_reward(self) -> float:
        """−1 for every guess that was not the word."""
        return float(self.solved - self.turn)

    def act(self, text: str) -> None:
        """Guess what the player wrote, word or not."""
        word = read_guess(text)
        self.guesses.append(word)
        legal = word in _legal_words()
        reply = spell(feedback(word, self.hidden)) if legal else "\n"
        self.transcript += text.strip() + "\n" + reply


@cache
def _legal_words() -> frozenset[str]:
    return frozenset(load_words())
