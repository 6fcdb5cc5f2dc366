"""Configurations of small random models for the tests of the export."""

from collections.abc import Callable
from pathlib import Path

from transformers import LlamaConfig

from qsft.tasks.wordle.tokenizer import build_tokenizer

FIXTURES = Path(__file__).parents[3] / "test" / "fixtures"
SHAPE = {
    "vocab_size": build_tokenizer().get_vocab_size(),
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": 2,
    "pad_token_id": None,
    "initializer_range": 0.1,
}
MakeCheckpoint = Callable[..., Path]


def llama(**changes: object) -> LlamaConfig:
    return LlamaConfig(**(SHAPE | changes))
