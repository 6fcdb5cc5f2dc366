"""Time the bare step graph on this machine's CPU: one decode step, cache in place, no server.

python -m qsft.export.step_time ../models/wordle --batch 1 8 32 --threads 2
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qsft.export.contract import MANIFEST_FILE, STEP_FILE
from qsft.export.graph_runner import Chunk, GraphRunner, policy_inputs
from qsft.policy.extraction import PolicyParameters, step_weights

WARM_UP_STEPS = 10
LONGEST_CACHE = 256  # tokens a row


def step_seconds(folder: Path, batch: int, threads: int, steps: int) -> NDArray[np.float64]:
    """Durations of `steps` decode steps in the middle of the cache, (steps,)."""
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    cache_length = min(manifest["max_length"], LONGEST_CACHE)
    runner = GraphRunner(folder / STEP_FILE, batch, cache_length, threads)
    chunks = [Chunk(cache_length // 2, [0])] * batch
    extra = policy_inputs([step_weights(PolicyParameters())] * batch)
    ends = [time.perf_counter()]
    for _ in range(WARM_UP_STEPS + steps):
        runner.run(chunks, range(batch), extra)
        ends.append(time.perf_counter())
    return np.diff(ends)[WARM_UP_STEPS:]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the bare step graph.")
    parser.add_argument("model", type=Path, help="a policy's folder")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32], help="rows a step")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--steps", type=int, default=100, help="how many steps to time")
    arguments = parser.parse_args()
    print(f"{'batch':>5}  {'median':>9}  {'p99':>9}  {'tokens/s':>9}")
    for batch in arguments.batch:
        seconds = step_seconds(arguments.model, batch, arguments.threads, arguments.steps)
        median, p99 = np.percentile(seconds, [50, 99])
        print(f"{batch:>5}  {median * 1e3:>6.2f} ms  {p99 * 1e3:>6.2f} ms  {batch / median:>9,.0f}")


if __name__ == "__main__":
    main()
