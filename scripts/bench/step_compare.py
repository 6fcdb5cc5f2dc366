"""Time the bare step graphs of several folders in turns: decoding by batch, and one prefill.

python bench/step_compare.py out/bench/fp32 out/bench/int8 out/bench/int4    # from scripts/

The smallest of many times: whatever else the machine does only adds to it.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from qsft.export.contract import STEP_FILE
from qsft.export.graph_runner import Array, Chunk, GraphRunner, policy_inputs
from qsft.policy.extraction import PolicyParameters, step_weights

CACHE_LENGTH = 256
PAST = 64  # tokens before a decoded one
TOKEN = 2


def seconds_of(
    runner: GraphRunner, chunks: Sequence[Chunk], scored: Sequence[int], extra: dict[str, Array]
) -> float:
    # The threads of the session before may still be spinning in its first run.
    runner.run(chunks, scored, extra)
    started = time.perf_counter()
    runner.run(chunks, scored, extra)
    return time.perf_counter() - started


def smallest_seconds(
    graphs: Sequence[Path], chunks: Sequence[Chunk], scored: Sequence[int], turns: int, threads: int
) -> list[float]:
    """Of each graph, over all turns."""
    length = max(CACHE_LENGTH, *(chunk.past + len(chunk.ids) for chunk in chunks))
    runners = [GraphRunner(graph, len(chunks), length, threads) for graph in graphs]
    is_step = all(graph.name == STEP_FILE for graph in graphs)
    extra = policy_inputs([step_weights(PolicyParameters())] * len(scored)) if is_step else {}
    smallest = [float("inf")] * len(graphs)
    for _ in range(turns):
        for index, runner in enumerate(runners):
            smallest[index] = min(smallest[index], seconds_of(runner, chunks, scored, extra))
    return smallest


def main() -> None:
    parser = argparse.ArgumentParser(description="Time step graphs in turns.")
    parser.add_argument("folders", type=Path, nargs="+", help="policies; the first is compared to")
    parser.add_argument("--graph", default=STEP_FILE, help=f"default: {STEP_FILE}")
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 8, 32], help="rows a step")
    parser.add_argument("--prefill", type=int, nargs="*", default=[256], help="tokens of a prompt")
    parser.add_argument("--turns", type=int, default=20, help="steps of each")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    arguments = parser.parse_args()
    graphs = [folder / arguments.graph for folder in arguments.folders]
    works = [(f"decode {b}", [Chunk(PAST, [TOKEN])] * b, range(b)) for b in arguments.batch]
    works += [(f"prefill {n}", [Chunk(0, [TOKEN] * n)], range(1)) for n in arguments.prefill]
    print("| work |", " | ".join(folder.name for folder in arguments.folders), "|")
    print("|---|" + "---|" * len(graphs))
    for name, chunks, scored in works:
        times = smallest_seconds(graphs, chunks, scored, arguments.turns, arguments.threads)
        cells = [f"{t * 1e3:.1f} ms, {t / times[0]:.2f} ×" for t in times]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
