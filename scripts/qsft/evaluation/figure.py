"""The figure of an evaluation: return against β, beside the behavior model and sharpening alone."""

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHARPENED = "sharpened"
_FORMS = {
    "probability": "Q-SFT, the paper's form: π_φ·exp(β·p_θ)",
    "ratio": "Q-SFT, the ratio form: π_φ·exp(β·p_θ/π_φ)",
}


class FigureError(ValueError):
    """The results cannot be drawn; the message says which or why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of `qsft evaluate --json`."""

    task: str
    policy: str
    extraction: str
    q: str
    beta: float
    temperature: float
    games: int
    seed: int
    mean: float
    low: float
    high: float
    solved: float


def read_results(path: Path) -> list[Result]:
    results = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                results.append(Result(**json.loads(line)))
            except (TypeError, ValueError) as error:
                raise FigureError(f"{path.name}, line {number}: no result: {error}") from None
    return results


def draw_return_against_beta(results: list[Result], out: Path) -> None:
    """Curves over β at temperature 1, and the behavior model's best temperature as a band."""
    if all(result.policy == SHARPENED or result.beta != 0 for result in results):
        raise FigureError("no result of the behavior model, which is β = 0")
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    policies = sorted({r.policy for r in results if r.policy != SHARPENED})
    # One policy needs no name in the legend.
    prefixes = {policy: f"{policy}: " if len(policies) > 1 else "" for policy in policies}
    colors = (f"C{index}" for index in itertools.count())
    points = [r for r in results if r.extraction == "kl" and r.temperature == 1]
    for policy in policies:
        for q, label in _FORMS.items():
            curve = [r for r in points if r.policy == policy and r.q == q]
            _draw_curve(axes, curve, colors, prefixes[policy] + label)
    sharpened = [r for r in points if r.policy == SHARPENED]
    _draw_curve(axes, sharpened, colors, "sharpening alone: π_φ·exp(β·π_φ)")
    for policy in policies:
        behavior = [r for r in results if r.policy == policy and r.beta == 0]
        _draw_best_temperature(axes, behavior, colors, prefixes[policy])
    axes.set_xscale("symlog", base=2, linthresh=1)
    betas = [0, *(4**power for power in range(7))]
    axes.set_xticks(betas, [str(beta) for beta in betas])
    axes.set_xlim(left=0)
    axes.minorticks_off()
    axes.set_xlabel("β")
    axes.set_ylabel("mean return, 95 % intervals (higher is better)")
    games = {result.games for result in results}
    task = results[0].task.replace("-", " ").title()
    axes.set_title(f"{task} through the server, {min(games):,} or more seeded games a point")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    # Without a date and with ids that are no random ones, the same results give the same file.
    metadata = {"Date": None} if out.suffix == ".svg" else None
    with rc_context({"svg.hashsalt": "qsft"}):
        figure.savefig(out, metadata=metadata)


def _draw_curve(axes: Axes, results: Iterable[Result], colors: Iterator[str], label: str) -> None:
    points = sorted(results, key=lambda result: result.beta)
    if not points:
        return
    color = next(colors)
    betas = [point.beta for point in points]
    axes.plot(betas, [point.mean for point in points], color=color, marker="o", ms=3, label=label)
    lows, highs = [point.low for point in points], [point.high for point in points]
    axes.fill_between(betas, lows, highs, color=color, alpha=0.25, lw=0)


def _draw_best_temperature(
    axes: Axes, behavior: list[Result], colors: Iterator[str], prefix: str
) -> None:
    if not behavior:
        return
    color = next(colors)
    best = max(behavior, key=lambda result: result.mean)
    label = f"{prefix}behavior model at its best temperature, {best.temperature:g}"
    axes.axhline(best.mean, color=color, ls="--", lw=1, label=label)
    axes.axhspan(best.low, best.high, color=color, alpha=0.15, lw=0)
