"""Make the benchmarks' models: SmolLM2-135M's shape, random weights, in every form that is timed.

python bench/make_model.py            # from scripts/, into out/bench

Speed does not depend on what the weights say. The end-of-sequence token is reserved, so that no
policy may emit it and every answer has its full length.
"""

import argparse
import importlib.util
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from qsft.export.builder import build_decoder
from qsft.export.contract import MODEL_ROLES, ModelRole, Precision
from qsft.export.options import ExportOptions, ExportReport
from qsft.export.pipeline import export_policy
from qsft.export.random_weights import draw_weights


class Shape(NamedTuple):
    """Of a Llama."""

    width: int
    inner_width: int
    layers: int
    heads: int
    kv_heads: int


OUT = Path(__file__).parents[1] / "out" / "bench"
SMOLLM2_135M = Shape(576, 1536, 30, 9, 3)
VOCABULARY = 49_152
RESERVED = {"<eos>": 0, "<leftover>": 1}
SEEDS: dict[ModelRole, int] = {"behavior": 1, "value": 2}
WEIGHT_SCALE = 0.02
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8", "int4")
INT8_CACHE = "int8-kv-int8"  # int8, its cache in 8 bits too
GENAI_PRECISIONS: tuple[Precision, ...] = ("fp32", "int4")


def random_model(role: ModelRole, shape: Shape = SMOLLM2_135M) -> LlamaForCausalLM:
    """The same weights on every machine: numpy's generator, not torch's."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=shape.width,
        intermediate_size=shape.inner_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=RESERVED["<eos>"],
        pad_token_id=None,
    )
    model = LlamaForCausalLM(config).eval()
    draw_weights(model, SEEDS[role], WEIGHT_SCALE)
    return model


def save_tokenizer(folder: Path) -> None:
    """One word a token: "t17 t4 " is tokens 17 and 4."""
    words = {f"t{token} ": token for token in range(len(RESERVED), VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(RESERVED | words, unk_token="<leftover>"))
    tokenizer.add_special_tokens(list(RESERVED))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[^ ]+ "), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")


def make_checkpoint(checkpoint: Path, shape: Shape = SMOLLM2_135M) -> None:
    for role in MODEL_ROLES:
        random_model(role, shape).save_pretrained(checkpoint / role)
    save_tokenizer(checkpoint)


def make_policy(
    checkpoint: Path,
    precision: Precision,
    out: Path,
    twin: bool = False,
    block_size: int | None = None,
    int8_cache: bool = False,
) -> ExportReport:
    """What this project serves."""
    options = ExportOptions(
        id=f"bench-{out.name}",
        eos_token_ids=(RESERVED["<eos>"],),
        reserved_token_ids=tuple(RESERVED.values()),
        precision=precision,
        twin=twin,
        block_size=block_size,
        int8_cache=int8_cache,
        training={"task": "none", "note": "random weights, for benchmarks"},
        replace=True,
    )
    return export_policy(checkpoint, out, options)


def make_genai(checkpoint: Path, precision: Precision, out: Path) -> None:
    """What onnxruntime-genai runs: the same builder's output, untouched, a folder a model."""
    for role in MODEL_ROLES:
        shutil.rmtree(out / role, ignore_errors=True)
        (out / role).mkdir(parents=True)
        build_decoder(checkpoint, role, precision, out / role)


def make_gguf(checkpoint: Path, out: Path) -> None:
    """What llama.cpp runs, at its own 4 bits (Q4_0, blocks of 32)."""
    from peers.write_gguf import write_gguf

    out.mkdir(parents=True, exist_ok=True)
    for role in MODEL_ROLES:
        write_gguf(checkpoint / role, out / f"{role}.gguf")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the benchmarks' models.")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write")
    out: Path = parser.parse_args().out
    checkpoint = out / "checkpoint"
    make_checkpoint(checkpoint)
    for precision in PRECISIONS:
        make_policy(checkpoint, precision, out / precision)
    make_policy(checkpoint, "int8", out / INT8_CACHE, int8_cache=True)
    for precision in GENAI_PRECISIONS:
        make_genai(checkpoint, precision, out / "genai" / precision)
    if importlib.util.find_spec("gguf"):
        make_gguf(checkpoint, out / "gguf")
    else:
        print("no gguf package: nothing is made for llama.cpp")


if __name__ == "__main__":
    main()
