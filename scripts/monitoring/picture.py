"""Draws the dashboard's panels from what a Prometheus has of the last minutes, without Grafana:
picture.py URL SECONDS PNG. Every query is the dashboard's own, and so is every panel's place."""

import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

DASHBOARD = Path(__file__).with_name("dashboard.json")
PANEL, GROUND, TEXT, GRID = "#181b1f", "#111217", "#ccccdc", "#2c3235"
SERIES = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff"]
COLUMNS = 24  # of Grafana's grid
INCHES = (14.0, 0.3)  # width of the picture, height of a row of the grid
COLORS = 256

STYLE = {
    "font.size": 7,
    "text.color": TEXT,
    "axes.prop_cycle": f"cycler('color', {SERIES})",
    "axes.edgecolor": GRID,
    "axes.facecolor": PANEL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": GROUND,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
}


def scaled(steps: list[tuple[float, str]]) -> Callable[[float, object], str]:
    """Writes a value in the largest unit of `steps` that it has at least one of."""

    def write(value: float, _: object = None) -> str:
        size, unit = next((s for s in steps if abs(value) >= s[0]), steps[-1])
        return f"{value / size:.3g}{unit}" if value else "0"

    return write


UNITS = {
    "s": scaled([(60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs")]),
    "bytes": scaled([(2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")]),
    "percentunit": lambda value, _: f"{value:.0%}",
    "reqps": lambda value, _: f"{value:.3g}/s",
    "short": scaled([(1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m")]),
    "none": scaled([(1e6, "M"), (1e3, "k"), (1, "")]),
}


def query(url: str, expression: str, seconds: float) -> list[dict[str, Any]]:
    """The series of the last `seconds`."""
    end = time.time()
    asked = re.sub(r"\$(instance|model)", ".*", expression).replace("$__rate_interval", "15s")
    fields = {"query": asked, "start": end - seconds, "end": end, "step": max(1.0, seconds / 200)}
    with urllib.request.urlopen(
        f"{url}/api/v1/query_range?{urllib.parse.urlencode(fields)}"
    ) as got:
        series: list[dict[str, Any]] = json.load(got)["data"]["result"]
    return series


def legend(template: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), template)


def draw(axes: Axes, panel: dict[str, Any], url: str, seconds: float) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    for target in panel["targets"]:
        for series in query(url, target["expr"], seconds):
            times = [float(at) - time.time() for at, _ in series["values"]]
            values = [float(value) for _, value in series["values"]]
            name = legend(target["legendFormat"], series["metric"])
            (line,) = axes.plot(times, values, label=name)
            axes.fill_between(times, values, color=line.get_color(), alpha=0.08)
    axes.set_title(panel["title"], loc="left", color=TEXT, fontsize=8, fontweight="bold")
    axes.set_xlim(-seconds, 0)
    if "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
    axes.xaxis.set_major_formatter(lambda at, _: f"{at:.0f} s" if at else "now")
    axes.yaxis.set_major_formatter(UNITS[defaults.get("unit", "none")])
    axes.grid(True)
    axes.tick_params(length=0)
    below = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.12), "ncols": 4}
    axes.legend(**below, frameon=False, fontsize=6, handlelength=1, columnspacing=1)


def dashboard(url: str, seconds: float) -> Figure:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    width, row_height = INCHES
    figure = Figure(figsize=(width, rows * row_height))
    for panel in panels:
        x, y, w, h = (panel["gridPos"][name] for name in "xywh")
        left, top = x / COLUMNS, 1 - y / rows
        if panel["type"] == "row":
            figure.text(0.008, top - 0.5 / rows, panel["title"], fontsize=10, va="center")
            continue
        # Room for the axis on the left, the title above, the legend below.
        box = (left + 0.035, top - (h - 1.7) / rows, w / COLUMNS - 0.045, (h - 2.6) / rows)
        draw(figure.add_axes(box), panel, url, seconds)
    return figure


def main() -> None:
    url, seconds, path = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    with rc_context(STYLE):
        dashboard(url, seconds).savefig(path, dpi=100)
    # Few colours are in it, so that a palette makes it a third as large.
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLORS).save(path, optimize=True)


if __name__ == "__main__":
    main()
