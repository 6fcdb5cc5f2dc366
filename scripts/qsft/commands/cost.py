"""Record in a quantized policy's manifest what its precision costs in the task's return.

RESULTS is what `qsft evaluate --json` wrote for the policy and for the same one in fp32, on equal
games and settings.

Example: qsft cost ../models/wordle-int8 results.jsonl --fp32 wordle
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qsft.evaluation.figure import Result, read_results
from qsft.export.contract import MANIFEST_FILE
from qsft.export.manifest import add_return_cost
from qsft.export.options import ExportError

_SETTINGS = ("task", "extraction", "q", "beta", "temperature", "games", "seed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("policy", type=Path, help="the quantized policy's folder")
    parser.add_argument("results", type=Path, help="records of `qsft evaluate --json`")
    parser.add_argument("--fp32", required=True, help="the fp32 policy's name in the records")
    parser.add_argument("--quantized", help="the policy's name there (default: its id)")


def run(options: argparse.Namespace) -> None:
    manifest = json.loads((options.policy / MANIFEST_FILE).read_text(encoding="utf-8"))
    quantized = options.quantized or manifest["id"]
    entries = paired_returns(read_results(options.results), quantized, options.fp32)
    add_return_cost(options.policy, entries)
    for entry in entries:
        lost = entry["fp32"]["mean"] - entry["quantized"]["mean"]
        print(f"β {entry['beta']:g}, temperature {entry['temperature']:g}: {lost:+.3f} lost")


def paired_returns(results: Iterable[Result], quantized: str, fp32: str) -> list[dict[str, Any]]:
    """The results of both under equal settings; raises ExportError where there are none."""
    by_policy: dict[str, dict[tuple[Any, ...], Result]] = {fp32: {}, quantized: {}}
    for result in results:
        settings = tuple(getattr(result, name) for name in _SETTINGS)
        by_policy.get(result.policy, {})[settings] = result
    entries = [
        dict(zip(_SETTINGS, settings, strict=True))
        | {"fp32": _interval(by_policy[fp32][settings]), "quantized": _interval(result)}
        for settings, result in by_policy[quantized].items()
        if settings in by_policy[fp32]
    ]
    if not entries:
        raise ExportError(f"no results of {quantized!r} and {fp32!r} with equal settings")
    return entries


def _interval(result: Result) -> dict[str, float]:
    return {"mean": result.mean, "low": result.low, "high": result.high}
