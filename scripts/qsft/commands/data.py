"""Generate offline trajectories of a task, and the tokenizer its models use.

Example: qsft data wordle --out data/wordle --games 2000000 --held-out 20000 --seed 0
"""

import argparse
from pathlib import Path

from qsft.tasks.wordle.data import FITTING_SHARE, generate_games
from qsft.tasks.wordle.tokenizer import save_tokenizer
from qsft.trajectories import write_trajectories


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=["wordle"])
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--games", type=int, default=1_000_000, help="training games")
    parser.add_argument("--held-out", type=int, default=20_000, help="games to evaluate on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--fitting-share",
        type=float,
        default=FITTING_SHARE,
        help="share of guesses that use the feedback; the default gives the paper's mean of -4.12",
    )


def run(options: argparse.Namespace) -> None:
    save_tokenizer(options.out)
    # Seeds 2s and 2s + 1, so that no seed's held-out games are another's training games.
    splits = (
        ("train", options.games, 2 * options.seed),
        ("held-out", options.held_out, 2 * options.seed + 1),
    )
    for split, games, seed in splits:
        path = options.out / f"{split}.jsonl"
        count = write_trajectories(path, generate_games(games, seed, options.fitting_share))
        print(f"{path}: {count} games")
