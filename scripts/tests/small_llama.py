"""A Llama of a few thousand weights."""

from transformers import PreTrainedModel

from qsft.config import ModelConfig
from qsft.models import fresh_model

SHAPE = ModelConfig(layers=1, width=16, heads=2, kv_heads=1, intermediate=24, max_length=64)


def small_llama(vocab_size: int, seed: int = 0) -> PreTrainedModel:
    return fresh_model(SHAPE, vocab_size, seed)
