"""The tokenizer of Wordle's text: a letter with the space or newline after it is one token."""

import json
from pathlib import Path
from string import ascii_lowercase

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from qsft.tasks.wordle.game import HEADER

PAD, LEFTOVER, EOS, UNKNOWN = "<pad>", "<leftover>", "<eos>", "<unk>"
# Tokens that no policy may emit; `<leftover>` is the dummy action of the value loss.
RESERVED = (PAD, LEFTOVER, UNKNOWN)


# A conversation as the game's text. What a user says before the first guess only begins the game.
CHAT_TEMPLATE = """\
{{- 'Wordle:\\n' }}
{%- set game = namespace(begun=false) %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {%- set game.begun = true %}
        {{- message.content | trim + '\\n' }}
    {%- elif message.role == 'user' and game.begun %}
        {{- message.content | trim + '\\n' }}
    {%- endif %}
{%- endfor %}
"""


def build_tokenizer() -> Tokenizer:
    """57 tokens; decoding the ids of a text gives the text back exactly."""
    letters = [letter + end for letter in ascii_lowercase for end in (" ", "\n")]
    vocabulary = [PAD, LEFTOVER, EOS, UNKNOWN, HEADER, "\n", *letters]
    tokenizer = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(vocabulary)}, unk_token=UNKNOWN)
    )
    tokenizer.add_special_tokens([PAD, LEFTOVER, EOS, UNKNOWN])
    pattern = Regex(r"Wordle:\n|[a-z][ \n]|\n|.")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja."""
    folder.mkdir(parents=True, exist_ok=True)
    build_tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": EOS,
        "unk_token": UNKNOWN,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
