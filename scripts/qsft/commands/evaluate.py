"""Play a task with a policy, in this process or behind a server, and report returns.

Every combination of --beta, --q and --temperature plays the same seeded games; --json appends one
record for each to a file.

Example: qsft evaluate wordle --url http://127.0.0.1:8000 --games 1000 --beta 0 16 64
"""

import argparse
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch

from qsft.evaluation.local import LocalPlayer, load_local_policy
from qsft.evaluation.remote import RemotePlayer, served_model
from qsft.evaluation.statistics import mean_interval
from qsft.policy.extraction import Extraction, PolicyParameters, QForm
from qsft.policy.sampling import SamplingParameters
from qsft.tasks.wordle.play import MAX_ANSWER_TOKENS, STOP, Player, play

MakePlayer = Callable[[PolicyParameters, SamplingParameters], Player]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=["wordle"])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--url", help="a running server, for example http://127.0.0.1:8000")
    source.add_argument("--checkpoint", type=Path, help="what `qsft train` wrote")
    parser.add_argument("--games", type=_game_count, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extraction", choices=get_args(Extraction), default="kl")
    parser.add_argument("--beta", type=float, nargs="+", default=[0.0])
    parser.add_argument("--q", choices=get_args(QForm), nargs="+", default=["probability"])
    parser.add_argument("--temperature", type=float, nargs="+", default=[1.0])
    parser.add_argument("--concurrency", type=int, default=32, help="requests in flight")
    parser.add_argument("--device", default="cpu", help="for --checkpoint")
    parser.add_argument("--label", help="what to call the policy in --json (default: its name)")
    parser.add_argument("--json", type=Path, help="file to append results to, a JSON line each")


def run(options: argparse.Namespace) -> None:
    name, make_player = _players(options)
    print("| policy | extraction | q | β | temperature | return [95 % interval] | solved |")
    print("|---|---|---|---|---|---|---|")
    for beta, q, temperature in itertools.product(options.beta, options.q, options.temperature):
        parameters = PolicyParameters(options.extraction, beta, q)
        player = make_player(parameters, SamplingParameters(temperature=temperature))
        games = play(player, options.games, options.seed)
        returns = mean_interval([game.total_reward for game in games])
        solved = sum(game.solved for game in games) / len(games)
        print(
            f"| {name} | {options.extraction} | {q} | {beta:g} | {temperature:g} "
            f"| {returns} | {solved:.1%} |",
            flush=True,
        )
        if options.json:
            record = {
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


def _game_count(text: str) -> int:
    count = int(text)
    if count < 2:
        raise argparse.ArgumentTypeError(f"an interval needs at least 2 games, got {count}")
    return count


def _players(options: argparse.Namespace) -> tuple[str, MakePlayer]:
    if options.url:
        model = served_model(options.url)

        def remote(parameters: PolicyParameters, sampling: SamplingParameters) -> Player:
            return RemotePlayer(
                options.url,
                model,
                parameters,
                sampling,
                STOP,
                MAX_ANSWER_TOKENS,
                options.concurrency,
            )

        return options.label or model, remote

    policy = load_local_policy(options.checkpoint, torch.device(options.device))

    def local(parameters: PolicyParameters, sampling: SamplingParameters) -> Player:
        return LocalPlayer(policy, parameters, sampling, STOP, MAX_ANSWER_TOKENS)

    return options.label or options.checkpoint.name, local
