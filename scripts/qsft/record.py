"""training.json, what a checkpoint says of itself: its training, and which ids are no token."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from qsft.encoding import token_ids

RECORD_FILE = "training.json"


class RecordError(ValueError):
    """A folder that should be a checkpoint is none; the message says why."""


def read_record(checkpoint: Path) -> dict[str, Any]:
    file = checkpoint / RECORD_FILE
    if not file.is_file():
        raise RecordError(f"{checkpoint} is no checkpoint: {RECORD_FILE} is missing")
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


def reserved_token_ids(record: dict[str, Any], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The ids that no policy may emit: the reserved tokens, and logits that stand for no token."""
    if "reserved_token_ids" in record:
        return tuple(record["reserved_token_ids"])
    # Older checkpoints tell the tokens' names alone.
    return token_ids(tokenizer, record["config"]["data"]["reserved_tokens"])
