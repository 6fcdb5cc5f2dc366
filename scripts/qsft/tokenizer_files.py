"""The files that a tokenizer is, in a checkpoint as in a policy's folder."""

import shutil
from pathlib import Path

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
CHAT_TEMPLATE_FILE = "chat_template.jinja"


def copy_tokenizer(source: Path, folder: Path) -> None:
    """The tokenizer and, if there is one, its chat template."""
    for name in TOKENIZER_FILES:
        shutil.copyfile(source / name, folder / name)
    if (source / CHAT_TEMPLATE_FILE).exists():
        shutil.copyfile(source / CHAT_TEMPLATE_FILE, folder / CHAT_TEMPLATE_FILE)
