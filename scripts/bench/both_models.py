"""Time both models at once, one thread each, of several folders in turns: the first is compared to.

python bench/both_models.py out/bench/before out/bench/after --past 64 512    # from scripts/

What a step costs where each model has a core of its own. Medians: the two also wait for each
other's memory, which a smallest time would hide. Attention is in one piece, as in the engine.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qsft.export.contract import MODEL_ROLES, graph_file
from qsft.export.graph_runner import Chunk, GraphRunner

TOKEN = 2
WARM_UP, TIMED = 2, 5  # runs of one folder before it is the next one's turn


class Pair:
    """A folder's two models, each with a cache of its own."""

    def __init__(self, folder: Path, chunks: Sequence[Chunk]) -> None:
        length = max(chunk.past + len(chunk.ids) for chunk in chunks)
        self._chunks = chunks
        self._runners = [
            GraphRunner(folder / graph_file(role), len(chunks), length, threads=1)
            for role in MODEL_ROLES
        ]

    def seconds(self, other_thread: ThreadPoolExecutor) -> float:
        behavior, value = self._runners
        started = time.perf_counter()
        done = other_thread.submit(self._run, value)
        self._run(behavior)
        done.result()
        return time.perf_counter() - started

    def _run(self, runner: GraphRunner) -> None:
        runner.run(self._chunks, range(len(self._chunks)), {})


def median_seconds(folders: Sequence[Path], chunks: Sequence[Chunk], seconds: float) -> list[float]:
    pairs = [Pair(folder, chunks) for folder in folders]
    times: list[list[float]] = [[] for _ in pairs]
    deadline = time.perf_counter() + seconds
    with ThreadPoolExecutor(1) as other_thread:
        while time.perf_counter() < deadline:
            for pair, own in zip(pairs, times, strict=True):
                own += [pair.seconds(other_thread) for _ in range(WARM_UP + TIMED)][WARM_UP:]
    return [statistics.median(own) for own in times]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time both models at once, a thread each.")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 8, 32], help="rows a step")
    parser.add_argument("--past", type=int, nargs="+", default=[64], help="tokens before each row")
    parser.add_argument("--prefill", type=int, nargs="*", default=[32, 256], help="of a prompt")
    parser.add_argument("--seconds", type=float, default=15, help="for each line")
    arguments = parser.parse_args()
    os.environ["ORT_GQA_DISABLE_FLASH_ATTENTION"] = "1"
    works = {
        f"decode {batch}, {past} tokens before": [Chunk(past, [TOKEN])] * batch
        for past in arguments.past
        for batch in arguments.batch
    }
    works |= {f"prefill {count}": [Chunk(0, [TOKEN] * count)] for count in arguments.prefill}
    print("| work |", " | ".join(folder.name for folder in arguments.folders), "|")
    print("|---|" + "---|" * len(arguments.folders))
    for name, chunks in works.items():
        times = median_seconds(arguments.folders, chunks, arguments.seconds)
        cells = [f"{t * 1e3:.1f} ms, {t / times[0]:.2f} ×" for t in times]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
