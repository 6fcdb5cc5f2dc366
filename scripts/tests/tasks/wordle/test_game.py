"""The rules of Wordle, by tables."""

import pytest

from qsft.tasks.wordle.game import MAX_GUESSES, Game, feedback, load_words, read_guess, spell


def test_the_list_has_431_different_words_of_five_small_letters() -> None:
    words = load_words()
    assert len(words) == len(set(words)) == 431
    assert all(len(word) == 5 and word.isascii() and word.islower() for word in words)
    assert list(words) == sorted(words)


@pytest.mark.parametrize(
    ("guess", "hidden", "expected"),
    [
        ("shire", "shire", "ggggg"),
        ("about", "shire", "bbbbb"),
        ("heirs", "shire", "yyggy"),
        ("slate", "shire", "gbbbg"),
        # Not the newspaper's rule: every guessed letter that the word has is yellow, not one each.
        ("eerie", "shire", "yyyyg"),
        ("sassy", "shire", "gbyyb"),
    ],
)
def test_feedback_tells_where_letters_are(guess: str, hidden: str, expected: str) -> None:
    assert feedback(guess, hidden) == expected


def test_only_the_hidden_word_is_all_green() -> None:
    words = load_words()[:60]
    for guess in words:
        for hidden in words:
            assert (feedback(guess, hidden) == "ggggg") == (guess == hidden)


@pytest.mark.parametrize("text", ["s h i r e", "s h i r e\n", "shire", " s h ire "])
def test_a_guess_is_read_with_or_without_spaces(text: str) -> None:
    assert read_guess(text) == "shire"


def test_a_word_is_spelled_with_spaces_and_a_newline() -> None:
    assert spell("shire") == "s h i r e\n"
    assert read_guess(spell("shire")) == "shire"


def play(hidden: str, *guesses: str) -> Game:
    game = Game(hidden)
    for guess in guesses:
        game.act(spell(guess))
    return game


def test_a_game_reads_as_header_guesses_and_feedback() -> None:
    game = play("other", "about", "other")
    assert game.transcript == (
        "Wordle:\na b o u t\n" + spell(feedback("about", "other")) + "o t h e r\ng g g g g\n"
    )


@pytest.mark.parametrize("text", ["x x x x x\n", "a b o u\n", "", "A B O U T\n", "a b o u t s\n"])
def test_a_guess_that_is_no_word_is_answered_by_an_empty_line(text: str) -> None:
    game = Game("other")
    game.act(text)
    assert game.transcript == "Wordle:\n" + text.strip() + "\n\n"
    assert game.total_reward == -1
    assert not game.over


@pytest.mark.parametrize("wrong", range(MAX_GUESSES))
def test_every_guess_but_the_right_one_costs_one(wrong: int) -> None:
    game = play("other", *["about"] * wrong, "other")
    assert game.solved
    assert game.over
    assert game.total_reward == -wrong


def test_six_wrong_guesses_end_the_game() -> None:
    game = play("other", *["about"] * 5)
    assert not game.over
    game.act(spell("about"))
    assert game.over
    assert not game.solved
    assert game.total_reward == -6
