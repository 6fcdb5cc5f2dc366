"""The causal language models that become π_φ and p_θ: fresh Llamas or pretrained ones."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from qsft.config import ModelConfig


def build_model(config: ModelConfig, vocab_size: int, seed: int) -> PreTrainedModel:
    """Load `config.base`, or make a Llama whose weights depend on the seed alone."""
    if config.base is not None:
        return load_model(config.base)
    llama = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=config.width,
        intermediate_size=config.intermediate,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.width // config.heads,
        max_position_embeddings=config.max_length,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        use_cache=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(llama)


def load_model(source: str | Path) -> PreTrainedModel:
    """A model from a folder or the hub, in float32."""
    return AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
