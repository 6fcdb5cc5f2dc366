"""Make a float16 policy of one shape with random weights: python gpu/make_policy.py 1b OUT

Leaves OUT/checkpoint (what Transformers loads) and OUT/policy (what the server loads).
"""

import argparse
import sys
from pathlib import Path

from transformers import LlamaConfig, LlamaForCausalLM

from qsft.export.contract import MODEL_ROLES
from qsft.export.random_weights import draw_weights

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
import make_model

# Of Llamas: width, inner width, layers, heads, heads of the cache.
SHAPES = {
    "tiny": (64, 128, 2, 2, 1),
    "135m": (576, 1536, 30, 9, 3),
    "1b": (2048, 8192, 16, 32, 8),
}


def shaped(name: str) -> LlamaConfig:
    width, inner, layers, heads, kv_heads = SHAPES[name]
    return LlamaConfig(
        vocab_size=make_model.VOCABULARY,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=make_model.RESERVED["<eos>"],
        pad_token_id=None,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a float16 policy with random weights.")
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("out", type=Path, help="the folder to write")
    arguments = parser.parse_args()
    checkpoint = arguments.out / "checkpoint"
    for role in MODEL_ROLES:
        model = LlamaForCausalLM(shaped(arguments.shape)).eval()
        draw_weights(model, make_model.SEEDS[role], make_model.WEIGHT_SCALE)
        model.save_pretrained(checkpoint / role)
        del model
    make_model.save_tokenizer(checkpoint)
    make_model.make_policy(checkpoint, "fp16", arguments.out / "policy")


if __name__ == "__main__":
    main()
