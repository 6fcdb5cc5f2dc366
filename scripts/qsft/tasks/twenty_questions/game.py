"""The rules of Twenty Questions and its text: what a question earns and how the oracle replies.

A game reads "Questions:\\n", then in turn a question "Is it an animal?" and its answer " Yes.\\n".
Every question that is not the correct guess costs 1; after the correct guess, or twenty questions,
the game is over.
"""

from dataclasses import dataclass, field

from qsft.tasks.twenty_questions.objects import Object
from qsft.tasks.twenty_questions.oracle import Answer, Oracle

HEADER = "Questions:\n"
MAX_QUESTIONS = 20


@dataclass
class Game:
    """One game in progress; `transcript` is the prompt for the next question."""

    oracle: Oracle
    hidden: Object
    transcript: str = HEADER
    questions: list[str] = field(default_factory=list)
    solved: bool = False

    @property
    def turn(self) -> int:
        return len(self.questions)

    @property
    def over(self) -> bool:
        return self.solved or self.turn == MAX_QUESTIONS

    @property
    def total_reward(self) -> float:
        """−1 for every question that was not the correct guess."""
        return float(self.solved - self.turn)

    def act(self, text: str) -> None:
        """Ask what the player wrote, up to its first question mark or line's end."""
        question = read_question(text)
        self.questions.append(question)
        self.solved = self.oracle.is_correct_guess(question, self.hidden)
        answer = self.oracle.answer(question, self.hidden)
        self.transcript += question + reply(answer)


def read_question(text: str) -> str:
    """ "Is it  a dog" → "Is it a dog?"; the empty text is a question too, if no good one."""
    line = text.strip().partition("\n")[0].partition("?")[0]
    return " ".join(line.split()) + "?"


def reply(answer: Answer) -> str:
    """How the environment's text goes on after a question."""
    return f" {answer}\n"
