"""Tokenize a trajectory file once, into a compressed .npz that `qsft train` reads in seconds.

Example: qsft encode data/wordle/train.jsonl --tokenizer data/wordle --max-tokens 61
"""

import argparse
from pathlib import Path

from qsft.bases import tokenizer_of
from qsft.commands.numbers import integer
from qsft.encoding import load_trajectories, save_encoded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trajectories", type=Path, nargs="+", help="JSON-lines files")
    parser.add_argument("--tokenizer", required=True, help="folder with tokenizer.json, or a base")
    parser.add_argument(
        "--max-tokens", type=integer(1), required=True, help="longest trajectory allowed"
    )


def run(options: argparse.Namespace) -> None:
    tokenizer = tokenizer_of(options.tokenizer)
    for path in options.trajectories:
        encoded = load_trajectories(path, tokenizer, options.max_tokens)
        target = path.with_suffix(".npz")
        save_encoded(target, encoded)
        print(f"{target}: {len(encoded)} trajectories, mean return {encoded.returns.mean():.3f}")
