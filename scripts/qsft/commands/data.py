"""Generate offline trajectories of a task; for wordle, the tokenizer its models use, too.

Example: qsft data wordle --out data/wordle --games 2000000 --held-out 20000 --seed 0
         qsft data twenty-questions --out data/twenty-questions --games 100000 --held-out 2000
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from qsft.commands.numbers import integer, number
from qsft.tasks.twenty_questions import data as twenty_questions
from qsft.tasks.twenty_questions.oracle import make_oracle
from qsft.tasks.twenty_questions.wordnet import load_wordnet, wordnet_folder
from qsft.tasks.wordle import data as wordle
from qsft.tasks.wordle.tokenizer import save_tokenizer
from qsft.trajectories import Trajectory, write_trajectories


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    _add_wordle_arguments(tasks.add_parser("wordle"))
    _add_twenty_questions_arguments(tasks.add_parser("twenty-questions"))


def run(options: argparse.Namespace) -> None:
    generate_games = _generator(options)
    # Seeds 2s and 2s + 1, so that no seed's held-out games are another's training games.
    splits = (
        ("train", options.games, 2 * options.seed),
        ("held-out", options.held_out, 2 * options.seed + 1),
    )
    for split, games, seed in splits:
        path = options.out / f"{split}.jsonl"
        count = write_trajectories(path, generate_games(games, seed))
        print(f"{path}: {count} games")


def _add_wordle_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common_arguments(parser, games=1_000_000, held_out=20_000)
    parser.add_argument(
        "--fitting-share",
        type=number(high=1),
        default=wordle.FITTING_SHARE,
        help="share of guesses that use the feedback; the default gives the paper's mean of -4.12",
    )


def _add_twenty_questions_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common_arguments(parser, games=100_000, held_out=2_000)
    mixture = twenty_questions.Mixture()
    parser.add_argument(
        "--informative-share",
        type=number(high=1),
        default=mixture.informative_share,
        help="share of questions that halve what is left (default: %(default)s)",
    )
    parser.add_argument(
        "--guess-share",
        type=number(high=1),
        default=mixture.guess_share,
        help="share of early guesses; the defaults give the paper's mean of -17.3 (%(default)s)",
    )
    parser.add_argument(
        "--wordnet",
        type=Path,
        default=wordnet_folder(),
        help="folder with WordNet's data.noun (default: %(default)s)",
    )


def _add_common_arguments(parser: argparse.ArgumentParser, games: int, held_out: int) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--games", type=integer(1), default=games, help="training games")
    parser.add_argument(
        "--held-out", type=integer(1), default=held_out, help="games to evaluate on"
    )
    parser.add_argument("--seed", type=integer(0), default=0)


def _generator(options: argparse.Namespace) -> Callable[[int, int], Iterator[Trajectory]]:
    if options.task == "wordle":
        save_tokenizer(options.out)
        return partial(wordle.generate_games, fitting_share=options.fitting_share)
    return partial(
        twenty_questions.generate_games,
        mixture=twenty_questions.Mixture(options.informative_share, options.guess_share),
        oracle=make_oracle(load_wordnet(options.wordnet)),
    )
