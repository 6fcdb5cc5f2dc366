"""The rules of Twenty Questions."""

import pytest

from qsft.tasks.twenty_questions.game import HEADER, MAX_QUESTIONS, Game, read_question, reply
from qsft.tasks.twenty_questions.objects import load_objects
from qsft.tasks.twenty_questions.oracle import Answer, Oracle

DOG = load_objects()[0]


def play(oracle: Oracle, *questions: str) -> Game:
    game = Game(oracle, DOG)
    for question in questions:
        game.act(question)
    return game


def test_a_game_reads_as_header_questions_and_answers(oracle: Oracle) -> None:
    game = play(oracle, "Is it an animal?", "Is it a plant?", "Is it big?", "Is it a dog?")
    assert game.transcript == (
        "Questions:\nIs it an animal? Yes.\nIs it a plant? No.\nIs it big? I don't know.\n"
        "Is it a dog? Yes.\n"
    )


@pytest.mark.parametrize("wrong", [0, 1, MAX_QUESTIONS - 1])
def test_every_question_but_the_correct_guess_costs_one(oracle: Oracle, wrong: int) -> None:
    game = play(oracle, *["Is it an animal?"] * wrong, "Is it a dog?")
    assert game.solved
    assert game.over
    assert game.total_reward == -wrong


def test_twenty_questions_end_the_game(oracle: Oracle) -> None:
    game = play(oracle, *["Is it an animal?"] * (MAX_QUESTIONS - 1))
    assert not game.over
    game.act("Is it a cat?")
    assert game.over
    assert not game.solved
    assert game.total_reward == -20


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Is it a dog?", "Is it a dog?"),
        ("Is it a dog", "Is it a dog?"),
        (" Is  it a\tdog ? Yes.\nIs it", "Is it a dog?"),
        ("\nIs it a dog\nYes", "Is it a dog?"),
        ("Is it a dog? Is it a cat?", "Is it a dog?"),
        ("", "?"),
    ],
)
def test_a_question_is_what_stands_before_the_first_mark_or_line_end(
    text: str, question: str
) -> None:
    assert read_question(text) == question
    assert read_question(question) == question


def test_nonsense_costs_a_question_and_is_answered(oracle: Oracle) -> None:
    game = play(oracle, "", "Yes.\nYes.", "Is it a snorfle")
    assert game.transcript == HEADER + "".join(
        question + reply(Answer.UNKNOWN) for question in ("?", "Yes.?", "Is it a snorfle?")
    )
    assert game.total_reward == -3
