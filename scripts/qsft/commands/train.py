"""Train the behavior and the value model that a run file describes.

Interrupted, the same command goes on from its last checkpoint. Watch it with
`tensorboard --logdir OUT`.

`accelerate launch -m qsft train ...` starts it in several processes.

Example: qsft train runs/wordle.toml --out out/wordle --device cuda
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from qsft.config import load_config
from qsft.training.processes import join_processes
from qsft.training.run import train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, help="run file (TOML)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--base",
        help="pretrained model to start from, instead of the run file's model.base: a Hugging Face"
        " id, a folder, a GGUF file, or package:NAME for a Python package that holds one",
    )
    parser.add_argument(
        "--restart", action="store_true", help="throw away what OUT holds and train anew"
    )
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, help=f"cpu, cuda or cuda:N (here: {default})")


def run(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    if options.base is not None:
        config = replace(config, model=replace(config.model, base=options.base))
    train(config, options.out, join_processes(options.device), options.restart)
