"""Export a trained checkpoint to the folder that the server serves, verified against PyTorch.

Example: qsft export out/wordle ../models/wordle --beta 64
"""

import argparse
from pathlib import Path
from typing import get_args

from qsft.encoding import load_tokenizer, token_ids
from qsft.export.contract import Precision
from qsft.export.options import ExportError, ExportOptions
from qsft.export.pipeline import export_policy
from qsft.policy.extraction import Extraction, PolicyParameters, QForm
from qsft.record import RECORD_FILE, read_record, reserved_token_ids


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="what `qsft train` wrote")
    parser.add_argument("out", type=Path, help="policy folder to write")
    parser.add_argument("--id", help="the policy's name (default: the name of OUT)")
    parser.add_argument("--precision", choices=get_args(Precision), default="fp32")
    parser.add_argument(
        "--twin", action="store_true", help="keep two adapters on one base, read once for both"
    )
    parser.add_argument("--beta", type=float, default=1.0, help="default β of the policy")
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
    if not (options.checkpoint / RECORD_FILE).is_file():
        raise ExportError(f"{options.checkpoint} is no checkpoint: {RECORD_FILE} is missing")
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
            twin=options.twin,
            defaults=PolicyParameters(options.extraction, options.beta, options.q),
            support_threshold=config["value"]["support_threshold"],
            prompt_prefix=options.prompt_prefix,
            fill_in_the_middle=options.fill_in_the_middle,
            chat_stop_strings=tuple(options.chat_stop),
            training=record,
            replace=options.replace,
        ),
    )
    checked = report.verification
    print(f"{report.folder}: {report.bytes / 1e6:.1f} MB")
    print(f"logits differ from PyTorch's by at most {checked.logits_difference:.1e} of their size")
    for name, kl in checked.kl.items():
        print(f"KL from PyTorch, {name}: mean {kl.mean:.1e} nats, max {kl.max:.1e}")
