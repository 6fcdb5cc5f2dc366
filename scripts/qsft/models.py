"""The causal language models that become π_φ and p_θ: whole, or as an adapter on a frozen base."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from qsft.adapters import PROJECTIONS
from qsft.config import ConfigError, LoraSettings, ModelConfig
from qsft.frozen_layers import share_frozen_layers


def fresh_model(config: ModelConfig, vocab_size: int, seed: int) -> PreTrainedModel:
    """A Llama whose weights depend on the seed alone."""
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


def add_adapter(base: PreTrainedModel, lora: LoraSettings, seed: int) -> PeftModel:
    """LoRA in float32 on the base's projections, which changes nothing yet; the base is frozen."""
    found = {name.rpartition(".")[2] for name, _ in base.named_modules()}
    missing = [name for name in PROJECTIONS if name not in found]
    if missing:
        raise ConfigError(f"lora: {type(base).__name__} has no {', '.join(missing)} to adapt")
    count = len(base.get_decoder().layers)
    if lora.layers is not None and lora.layers > count:
        raise ConfigError(f"lora.layers: the base has {count} layers, got {lora.layers}")
    frozen = 0 if lora.layers is None else count - lora.layers
    settings = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(PROJECTIONS),
        layers_to_transform=list(range(frozen, count)) if frozen else None,
        bias="none",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(base, settings)
    share_frozen_layers(base.get_decoder().layers[:frozen])
    return adapted
