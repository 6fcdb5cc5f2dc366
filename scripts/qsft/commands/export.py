"""Export a trained checkpoint to the folder that the server serves, verified against PyTorch.

Example: qsft export out/wordle ../models/wordle --beta 64
"""

import argparse
from pathlib import Path
from typing import get_args

from qsft.commands.numbers import number
from qsft.encoding import load_tokenizer, token_ids
from qsft.export.contract import BLOCK_SIZE, Precision
from qsft.export.options import ExportOptions
from qsft.export.pipeline import export_policy
from qsft.policy.extraction import Extraction, PolicyParameters, QForm
from qsft.record import read_record, reserved_token_ids

_CHOSEN: dict[Precision, str] = {
    "fp32": "everything in float32",
    "fp16": "everything but the combination in float16, cache included: for `--device cuda`",
    "bf16": "everything but the combination in bfloat16, cache included: for `--device cuda`",
    "int8": "weights and activations of every product in 8 bits, a scale for each column and each"
    " row; the embedding in 8; attention, norms and cache in float32",
    "int4": "the layers' weights in 4 bits, a scale and an offset for each 32; head and embedding"
    " in 7; activations of products in 8 bits, the head's in 16; attention, norms and cache in"
    " float32",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="what `qsft train` wrote")
    parser.add_argument("out", type=Path, help="policy folder to write")
    parser.add_argument("--id", help="the policy's name (default: the name of OUT)")
    parser.add_argument(
        "--precision", choices=get_args(Precision), default="fp32", help="(default: fp32)"
    )
    parser.add_argument(
        "--kv-cache",
        choices=["int8"],
        help="keys and values in 8 bits, a scale for each channel, for the CPU; its scales come"
        " from --held-out (default: what attention computes in)",
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        metavar="FILE",
        help="trajectories to measure the precision's cost on (default: random tokens)",
    )
    parser.add_argument(
        "--twin", action="store_true", help="keep two adapters on one base, read once for both"
    )
    parser.add_argument(
        "--paged",
        action="store_true",
        help="a cache of blocks, which any sequence takes as it grows; for fp16 or bf16 on CUDA",
    )
    parser.add_argument("--beta", type=number(), default=1.0, help="default β of the policy")
    parser.add_argument("--extraction", choices=get_args(Extraction), default="kl")
    parser.add_argument("--q", choices=get_args(QForm), default="probability")
    parser.add_argument(
        "--eos",
        action="append",
        default=[],
        help="end-of-sequence token; the base's own where none is given",
    )
    parser.add_argument("--prompt-prefix", help="text that every prompt of the task begins with")
    parser.add_argument(
        "--fill-in-the-middle",
        metavar="TEMPLATE",
        help="how a text with a gap was written in training, with {prefix} and {suffix}",
    )
    parser.add_argument(
        "--chat-stop",
        action="append",
        default=[],
        help="text that ends an answer in a conversation",
    )
    parser.add_argument("--replace", action="store_true", help="overwrite OUT if it exists")


def run(options: argparse.Namespace) -> None:
    record = read_record(options.checkpoint)
    tokenizer = load_tokenizer(options.checkpoint)

    config = record["config"]
    report = export_policy(
        options.checkpoint,
        options.out,
        ExportOptions(
            id=options.id or options.out.name,
            eos_token_ids=token_ids(tokenizer, options.eos)
            or tuple(record.get("eos_token_ids", ())),
            reserved_token_ids=reserved_token_ids(record, tokenizer),
            precision=options.precision,
            int8_cache=options.kv_cache == "int8",
            twin=options.twin,
            block_size=BLOCK_SIZE if options.paged else None,
            defaults=PolicyParameters(options.extraction, options.beta, options.q),
            support_threshold=config["value"]["support_threshold"],
            prompt_prefix=options.prompt_prefix,
            fill_in_the_middle=options.fill_in_the_middle,
            chat_stop_strings=tuple(options.chat_stop),
            training=record,
            held_out=options.held_out,
            replace=options.replace,
        ),
    )
    checked = report.verification
    print(f"{report.folder}: {report.bytes / 1e6:.1f} MB")
    print(f"logits differ from PyTorch's by at most {checked.logits_difference:.1e} of their size")
    print(f"{options.precision}: {_CHOSEN[options.precision]}")
    for name, kl in checked.kl.items():
        print(f"KL from PyTorch, {name}: mean {kl.mean:.1e} nats, max {kl.max:.1e}")
    if report.cost:
        cost, kl = report.cost, report.cost.kl
        print(f"KL from fp32 a token at the defaults: mean {kl.mean:.1e} nats, max {kl.max:.1e}")
        print(f"  on {cost.tokens} tokens of {cost.data}")
