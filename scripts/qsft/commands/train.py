"""Train the behavior and the value model that a run file describes.

Interrupted, the same command goes on from its last checkpoint. Watch it with
`tensorboard --logdir OUT`.

Example: qsft train runs/wordle.toml --out out/wordle --device cuda
"""

import argparse
from pathlib import Path

import torch

from qsft.config import load_config
from qsft.training.run import train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, help="run file (TOML)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, help=f"cpu, cuda or cuda:N (here: {default})")


def run(options: argparse.Namespace) -> None:
    train(load_config(options.config), options.out, torch.device(options.device))
