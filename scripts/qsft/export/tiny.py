"""Make the policy of a few kilobytes that the tests serve: random weights, Wordle's tokenizer.

python -m qsft.export.tiny ../test/fixtures/tiny-policy
python -m qsft.export.tiny --paged ../test/fixtures/paged-policy
python -m qsft.export.tiny ../test/fixtures/tiny-int8-cache --kv-cache int8
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from transformers import LlamaConfig, LlamaForCausalLM

from qsft.export.contract import MODEL_ROLES, STEP_FILE, ModelRole, graph_file
from qsft.export.manifest import hash_again
from qsft.export.options import ExportOptions, ExportReport
from qsft.export.paged_stand_in import without_paged_attention
from qsft.export.pipeline import export_policy
from qsft.export.random_weights import draw_weights
from qsft.policy.extraction import PolicyParameters
from qsft.tasks.wordle.game import HEADER
from qsft.tasks.wordle.tokenizer import EOS, RESERVED, build_tokenizer, save_tokenizer
from qsft.tokenizer_files import CHAT_TEMPLATE_FILE

SEEDS: dict[ModelRole, int] = {"behavior": 1, "value": 2}
# Far above a trained model's spread: otherwise every distribution would be nearly uniform.
WEIGHT_SCALE = 0.5


def tiny_model(role: ModelRole) -> LlamaForCausalLM:
    """The same random weights on every machine: numpy's generator, not torch's."""
    vocabulary = build_tokenizer().get_vocab()
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=vocabulary[EOS],
        pad_token_id=None,
    )
    model = LlamaForCausalLM(config).eval()
    draw_weights(model, SEEDS[role], WEIGHT_SCALE)
    return model


def tiny_options() -> ExportOptions:
    vocabulary = build_tokenizer().get_vocab()
    return ExportOptions(
        id="tiny",
        eos_token_ids=(vocabulary[EOS],),
        reserved_token_ids=tuple(vocabulary[token] for token in RESERVED),
        defaults=PolicyParameters(extraction="kl", beta=4.0, q="probability"),
        prompt_prefix=HEADER,
        training={"task": "none", "note": "random weights, for tests"},
        created=1_750_000_000,
        replace=True,
    )


def make_tiny_policy(out: Path, options: ExportOptions) -> ExportReport:
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder)
        for role in MODEL_ROLES:
            tiny_model(role).save_pretrained(checkpoint / role)
        save_tokenizer(checkpoint)
        # So that the tests also have a policy that converses with nobody.
        (checkpoint / CHAT_TEMPLATE_FILE).unlink()
        return export_policy(checkpoint, out, options)


def make_int8_cache_tiny_policy(out: Path) -> ExportReport:
    return make_tiny_policy(out, replace(tiny_options(), int8_cache=True))


def make_paged_tiny_policy(out: Path) -> ExportReport:
    """In float16, with blocks of the fewest tokens that PagedAttention takes, for any processor."""
    report = make_tiny_policy(out, replace(tiny_options(), precision="fp16", block_size=16))
    for name in (STEP_FILE, *map(graph_file, MODEL_ROLES)):
        graph = without_paged_attention(onnx.load(out / name, load_external_data=False))
        (out / name).write_bytes(graph.SerializeToString(deterministic=True))
    hash_again(out)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tests' policy of a few kilobytes.")
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--paged", action="store_true", help="the one with a paged cache")
    parser.add_argument("--kv-cache", choices=["int8"], help="the one with a cache in 8 bits")
    arguments = parser.parse_args()
    if arguments.paged:
        report = make_paged_tiny_policy(arguments.out)
    elif arguments.kv_cache:
        report = make_int8_cache_tiny_policy(arguments.out)
    else:
        report = make_tiny_policy(arguments.out, tiny_options())
    print(f"{report.folder}: {report.bytes:,} bytes")


if __name__ == "__main__":
    main()
