"""What the oracle says, of facts that everyone knows."""

import pytest

from qsft.tasks.twenty_questions.objects import Object, load_objects
from qsft.tasks.twenty_questions.oracle import Answer, Oracle


def named(name: str) -> Object:
    return next(item for item in load_objects() if item.phrase.split(" ")[-1] == name)


@pytest.mark.parametrize(
    ("hidden", "question"),
    [
        ("dog", "Is it an animal?"),
        ("dog", "Is it a living thing?"),
        ("dog", "Is it a carnivore?"),
        ("owl", "Is it a bird of prey?"),
        ("guitar", "Is it a stringed instrument?"),
        ("apple", "Is it a fruit?"),
        ("apple", "Is it food?"),
        ("coffee", "Is it a drink?"),
        ("golf", "Is it a sport?"),
        ("car", "Is it a machine?"),
        # ways to ask
        ("dog", "is it a kind of animal"),
        ("dog", "Is it a type of an animal?"),
        ("chair", "Is it a piece of furniture?"),
        ("chair", "Is it some kind of furniture?"),
        ("dog", "Is it any animal?"),
        ("dog", "  IS  IT AN   ANIMAL ? "),
        ("dog", "Is this an animal?"),
        # plurals, regular and not, of one word and of several
        ("dog", "Is it animals?"),
        ("owl", "Is it birds of prey?"),
        ("monkey", "Is it monkeys?"),
        ("knife", "Is it knives?"),
        ("airplane", "Is it heavier-than-air craft?"),
    ],
)
def test_what_is_so_is_affirmed(oracle: Oracle, hidden: str, question: str) -> None:
    assert oracle.answer(question, named(hidden)) == Answer.YES


@pytest.mark.parametrize(
    ("hidden", "question"),
    [
        ("dog", "Is it a plant?"),
        ("dog", "Is it a cat?"),
        ("dog", "Is it a puppy?"),
        ("dog", "Is it mice?"),
        # The bird, not the meat; the fruit, not the color.
        ("duck", "Is it poultry?"),
        ("orange", "Is it a color?"),
        ("carrot", "Is it a fruit?"),
        ("carrot", "Is it a piece of furniture?"),
        ("dog", "Is it swimming?"),
    ],
)
def test_what_is_not_so_is_denied(oracle: Oracle, hidden: str, question: str) -> None:
    assert oracle.answer(question, named(hidden)) == Answer.NO


@pytest.mark.parametrize(
    "question",
    [
        "Is it a snorfle?",
        "Is it big?",
        "Is it large?",
        "Is it orange?",
        "Is it kind of red?",
        "Is it made of wood?",
        "Is it not an animal?",
        "Is it an animal or a plant?",
        "Is it an?",
        "Is it in?",
        "Is it?",
        "Does it have legs?",
        "Can you eat it?",
        "animal?",
        "?",
        "",
    ],
)
def test_what_wordnet_does_not_know_is_left_open(oracle: Oracle, question: str) -> None:
    for hidden in load_objects():
        assert oracle.answer(question, hidden) == Answer.UNKNOWN
        assert not oracle.is_correct_guess(question, hidden)


def test_an_objects_own_name_is_the_correct_guess_and_no_other_objects(oracle: Oracle) -> None:
    for guessed in load_objects():
        question = f"Is it {guessed.phrase}?"
        assert oracle.answer(question, guessed) == Answer.YES
        right = [item for item in load_objects() if oracle.is_correct_guess(question, item)]
        assert right == [guessed]


@pytest.mark.parametrize(
    ("hidden", "question"),
    [
        ("sofa", "Is it a couch?"),
        ("telephone", "Is it a phone?"),
        ("airplane", "Is it a plane?"),
        ("car", "Is it an automobile?"),
        ("scissors", "Is it scissors?"),
        ("dog", "Is it dogs?"),
        ("dog", "Is it a kind of dog?"),
        ("swimming", "Is it swimming?"),
    ],
)
def test_another_name_of_the_object_is_a_correct_guess(
    oracle: Oracle, hidden: str, question: str
) -> None:
    assert oracle.is_correct_guess(question, named(hidden))


@pytest.mark.parametrize(
    ("hidden", "question"),
    [
        # More general, or a word that means another thing first.
        ("dog", "Is it a canine?"),
        ("dog", "Is it an animal?"),
        ("car", "Is it a machine?"),
        ("bicycle", "Is it a wheel?"),
        ("lion", "Is it a cat?"),
        ("dog", "Is it a poodle?"),
    ],
)
def test_a_word_that_may_mean_more_is_no_correct_guess(
    oracle: Oracle, hidden: str, question: str
) -> None:
    assert not oracle.is_correct_guess(question, named(hidden))


def test_there_are_158_objects_in_17_categories() -> None:
    objects = load_objects()
    assert len({item.phrase for item in objects}) == len(objects) == 158
    assert len({item.category for item in objects}) == 17


def test_every_object_is_another_sense(oracle: Oracle) -> None:
    assert len(set(oracle.synsets.values())) == 158
