"""Train, export and evaluate Q-SFT policies. `qsft COMMAND --help` tells more of each."""

import argparse
import logging
import sys
from collections.abc import Sequence

from qsft.commands import cost, data, encode, evaluate, export, figure, train
from qsft.config import ConfigError
from qsft.evaluation.figure import FigureError
from qsft.evaluation.remote import RemoteError
from qsft.export.options import ExportError
from qsft.record import RecordError
from qsft.tasks.twenty_questions.wordnet import WordNetError
from qsft.trajectories import TrajectoryError

_EXPECTED = (
    ConfigError,
    ExportError,
    FigureError,
    FloatingPointError,  # a loss that is no number
    OSError,
    RecordError,
    RemoteError,
    TrajectoryError,
    WordNetError,
)
_COMMANDS = (data, encode, train, export, evaluate, cost, figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; an expected failure is one sentence and exit status 1."""
    parser = argparse.ArgumentParser(prog="qsft", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        name = command.__name__.rpartition(".")[2]
        summary = (command.__doc__ or "").partition("\n")[0]
        subparser = subparsers.add_parser(
            name,
            help=summary,
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        options.run(options)
    except _EXPECTED as error:
        print(f"qsft {options.command}: {error}", file=sys.stderr)
        return 1
    return 0
