"""Play a task with a policy, in this process or behind a server, and report returns.

Every combination of --beta, --q and --temperature plays the same seeded games; --json appends one
record for each to a file.

Example: qsft evaluate wordle --url http://127.0.0.1:8000 --games 1000 --beta 0 16 64
         qsft evaluate twenty-questions --checkpoint out/twenty-questions --games 100
"""

import argparse
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import torch

from qsft.commands.numbers import integer, number
from qsft.evaluation.local import LocalPlayer, load_local_policy
from qsft.evaluation.remote import RemotePlayer, served_model
from qsft.evaluation.statistics import mean_interval
from qsft.policy.extraction import Extraction, PolicyParameters, QForm
from qsft.policy.sampling import SamplingParameters
from qsft.tasks.episodes import AnswerFormat, Episode, Player, play
from qsft.tasks.twenty_questions import play as twenty_questions
from qsft.tasks.twenty_questions.oracle import make_oracle
from qsft.tasks.twenty_questions.wordnet import load_wordnet, wordnet_folder
from qsft.tasks.wordle import play as wordle

MakePlayer = Callable[[PolicyParameters, SamplingParameters], Player]
MakeGames = Callable[[int, int], Sequence[Episode]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=["wordle", "twenty-questions"])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--url", help="a running server, for example http://127.0.0.1:8000")
    source.add_argument("--checkpoint", type=Path, help="what `qsft train` wrote")
    parser.add_argument(
        "--games", type=integer(2), default=1000, help="at least 2, for an interval"
    )
    parser.add_argument("--seed", type=integer(0), default=0)
    parser.add_argument("--extraction", choices=get_args(Extraction), default="kl")
    parser.add_argument("--beta", type=number(), nargs="+", default=[0.0])
    parser.add_argument("--q", choices=get_args(QForm), nargs="+", default=["probability"])
    parser.add_argument("--temperature", type=number(), nargs="+", default=[1.0])
    parser.add_argument("--concurrency", type=integer(1), default=32, help="requests in flight")
    parser.add_argument("--device", default="cpu", help="for --checkpoint")
    parser.add_argument("--label", help="what to call the policy in --json (default: its name)")
    parser.add_argument(
        "--wordnet",
        type=Path,
        default=wordnet_folder(),
        help="for twenty-questions: folder with WordNet's data.noun (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, help="file to append results to, a JSON line each")


def run(options: argparse.Namespace) -> None:
    make_games, answer_format = _environment(options)
    name, make_player = _players(options, answer_format)
    print("| policy | extraction | q | β | temperature | return [95 % interval] | solved |")
    print("|---|---|---|---|---|---|---|")
    for beta, q, temperature in itertools.product(options.beta, options.q, options.temperature):
        parameters = PolicyParameters(options.extraction, beta, q)
        player = make_player(parameters, SamplingParameters(temperature=temperature))
        games = make_games(options.games, options.seed)
        play(player, games, answer_format, options.seed)
        returns = mean_interval([game.total_reward for game in games])
        solved = sum(game.solved for game in games) / len(games)
        print(
            f"| {name} | {options.extraction} | {q} | {beta:g} | {temperature:g} "
            f"| {returns} | {solved:.1%} |",
            flush=True,
        )
        if options.json:
            record = {
                "task": options.task,
                "policy": name,
                "extraction": options.extraction,
                "q": q,
                "beta": beta,
                "temperature": temperature,
                "games": options.games,
                "seed": options.seed,
                "mean": returns.mean,
                "low": returns.low,
                "high": returns.high,
                "solved": solved,
            }
            with options.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def _environment(options: argparse.Namespace) -> tuple[MakeGames, AnswerFormat]:
    if options.task == "wordle":
        return wordle.new_games, wordle.ANSWER_FORMAT
    oracle = make_oracle(load_wordnet(options.wordnet))

    def twenty_questions_games(count: int, seed: int) -> Sequence[Episode]:
        return twenty_questions.new_games(count, seed, oracle)

    return twenty_questions_games, twenty_questions.ANSWER_FORMAT


def _players(options: argparse.Namespace, answer_format: AnswerFormat) -> tuple[str, MakePlayer]:
    if options.url:
        model = served_model(options.url)

        def remote(parameters: PolicyParameters, sampling: SamplingParameters) -> Player:
            return RemotePlayer(
                options.url,
                model,
                parameters,
                sampling,
                answer_format.stop,
                answer_format.max_tokens,
                options.concurrency,
            )

        return options.label or model, remote

    policy = load_local_policy(options.checkpoint, torch.device(options.device))

    def local(parameters: PolicyParameters, sampling: SamplingParameters) -> Player:
        return LocalPlayer(
            policy, parameters, sampling, answer_format.stop, answer_format.max_tokens
        )

    return options.label or options.checkpoint.name, local
