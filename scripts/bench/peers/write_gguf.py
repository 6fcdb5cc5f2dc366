"""A Hugging Face Llama as a GGUF file of 4 bits, without a tokenizer: llama.cpp gets token ids."""

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

QUANTIZATION = gguf.GGMLQuantizationType.Q4_0

# Hugging Face's names of one layer's matrices, and llama.cpp's.
LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(model_folder: Path, path: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(model_folder)
    config: LlamaConfig = model.config
    writer = gguf.GGUFWriter(path, "llama")
    _add_shape(writer, config)
    for name, weight in model.named_parameters():
        _add_weight(writer, config, name, weight.detach().float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: gguf.GGUFWriter, config: LlamaConfig) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_tokenizer_model("none")


def _add_weight(
    writer: gguf.GGUFWriter, config: LlamaConfig, name: str, weight: NDArray[np.float32]
) -> None:
    if name.endswith("q_proj.weight"):
        weight = _interleave(weight, config.num_attention_heads)
    if name.endswith("k_proj.weight"):
        weight = _interleave(weight, config.num_key_value_heads)
    if weight.ndim == 1:
        writer.add_tensor(_gguf_name(name), weight)
    else:
        packed = gguf.quants.quantize(weight, QUANTIZATION)
        writer.add_tensor(_gguf_name(name), packed, raw_dtype=QUANTIZATION)


def _gguf_name(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, *rest, suffix = name.split(".")
    return f"blk.{layer}.{LAYER_NAMES['.'.join(rest)]}.{suffix}"


def _interleave(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """llama.cpp rotates neighbouring pairs, Hugging Face the two halves of a head."""
    rows, columns = weight.shape
    return (
        weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )
