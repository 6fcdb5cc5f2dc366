"""Wordle's tokenizer: a letter and what follows it is one token, and nothing is lost."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from qsft.tasks.wordle.data import generate_games
from qsft.tasks.wordle.tokenizer import (
    EOS,
    LEFTOVER,
    PAD,
    RESERVED,
    UNKNOWN,
    build_tokenizer,
    save_tokenizer,
)

TOKENIZER = build_tokenizer()
letters = st.sampled_from("abcdefghijklmnopqrstuvwxyz")


def test_a_guess_and_its_feedback_are_five_tokens_each() -> None:
    tokens = TOKENIZER.encode("Wordle:\ns h i r e\nb y g g b\n").tokens
    guess, reply = ["s ", "h ", "i ", "r ", "e\n"], ["b ", "y ", "g ", "g ", "b\n"]
    assert tokens == ["Wordle:\n", *guess, *reply]


def test_an_empty_reply_is_a_token() -> None:
    assert TOKENIZER.encode("e\n\ns ").tokens == ["e\n", "\n", "s "]


@given(st.lists(st.tuples(letters, st.sampled_from(" \n")) | st.just(("", "\n"))))
def test_decoding_gives_the_text_back(pieces: list[tuple[str, str]]) -> None:
    text = "Wordle:\n" + "".join(letter + end for letter, end in pieces)
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text


def test_games_have_no_unknown_token_and_at_most_61() -> None:
    for game in generate_games(100, seed=0, fitting_share=0.0):
        ids = TOKENIZER.encode("".join(turn.text for turn in game.turns)).ids
        assert len(ids) <= 61
        assert TOKENIZER.token_to_id(UNKNOWN) not in ids


def test_what_wordle_does_not_write_is_unknown() -> None:
    assert TOKENIZER.encode("S").tokens == [UNKNOWN]


def test_the_reserved_tokens_come_first_and_eos_is_none_of_them() -> None:
    assert [TOKENIZER.token_to_id(token) for token in (PAD, LEFTOVER, EOS, UNKNOWN)] == [0, 1, 2, 3]
    assert EOS not in RESERVED
    assert set(RESERVED) == {PAD, LEFTOVER, UNKNOWN}


def test_the_saved_files_load_as_the_same_tokenizer(tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "new")
    loaded = Tokenizer.from_file(str(tmp_path / "new" / "tokenizer.json"))
    assert loaded.to_str() == TOKENIZER.to_str()
    config = json.loads((tmp_path / "new" / "tokenizer_config.json").read_text())
    assert config["eos_token"] == EOS


def test_a_conversation_becomes_the_game(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"),
        chat_template=(tmp_path / "chat_template.jinja").read_text(),
    )
    messages = [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Let us play!"},
        {"role": "assistant", "content": "s t o r e"},
        {"role": "user", "content": "b y b b g\n"},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == "Wordle:\ns t o r e\nb y b b g\n"
