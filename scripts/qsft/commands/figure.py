"""Draw the return against β from what `qsft evaluate --json` wrote.

Example: qsft figure runs/wordle-results.jsonl --out runs/wordle-return.svg
"""

import argparse
from pathlib import Path

from qsft.evaluation.figure import draw_return_against_beta, read_results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, help="JSON lines of `qsft evaluate --json`")
    parser.add_argument("--out", type=Path, required=True, help="image to write (.svg or .png)")


def run(options: argparse.Namespace) -> None:
    draw_return_against_beta(read_results(options.results), options.out)
    print(options.out)
