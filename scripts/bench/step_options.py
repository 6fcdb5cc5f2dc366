"""Time the bare step graph under ONNX Runtime's session options, in turns with the defaults.

python bench/step_options.py out/bench/int4 --batch 1 8 32    # from scripts/
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from step_compare import seconds_of

from qsft.export.contract import MANIFEST_FILE, STEP_FILE
from qsft.export.graph_runner import Chunk, GraphRunner, policy_inputs
from qsft.policy.extraction import PolicyParameters, step_weights

CACHE_LENGTH = 128
WARM_UP_TURNS = 2

Change = Callable[[Any], None]  # of onnxruntime.SessionOptions


def entry(key: str, value: str) -> Change:
    return lambda options: options.add_session_config_entry(key, value)


def fields(**values: object) -> Change:
    def change(options: Any) -> None:
        for name, value in values.items():
            setattr(options, name, value)

    return change


PARALLEL = onnxruntime.ExecutionMode.ORT_PARALLEL
CHANGES: dict[str, Change] = {
    "defaults": fields(),
    "no spinning": entry("session.intra_op.allow_spinning", "0"),
    "1 thread": fields(intra_op_num_threads=1),
    "denormals as zero": entry("session.set_denormal_as_zero", "1"),
    "dynamic block base 4": entry("session.dynamic_block_base", "4"),
    "no memory pattern": fields(enable_mem_pattern=False),
    "no arena": fields(enable_cpu_mem_arena=False),
    "parallel executor, 2 × 1 threads": fields(
        execution_mode=PARALLEL, inter_op_num_threads=2, intra_op_num_threads=1
    ),
    "parallel executor, 2 × all threads": fields(execution_mode=PARALLEL, inter_op_num_threads=2),
}


class ChangedRunner(GraphRunner):
    """The export's runner, in a session with other options."""

    def __init__(self, path: Path, slots: int, change: Change) -> None:
        super().__init__(path, slots, CACHE_LENGTH)
        options = onnxruntime.SessionOptions()
        change(options)
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )


def time_in_turns(folder: Path, batch: int, turns: int) -> dict[str, list[float]]:
    """Seconds of a step by option, turn after turn."""
    runners = {
        name: ChangedRunner(folder / STEP_FILE, batch, change) for name, change in CHANGES.items()
    }
    extra = policy_inputs([step_weights(PolicyParameters())] * batch)
    chunks = [Chunk(CACHE_LENGTH // 2, [2])] * batch
    seconds: dict[str, list[float]] = {name: [] for name in CHANGES}
    for turn in range(WARM_UP_TURNS + turns):
        for name, runner in runners.items():
            taken = seconds_of(runner, chunks, range(batch), extra)
            if turn >= WARM_UP_TURNS:
                seconds[name].append(taken)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a step under session options.")
    parser.add_argument("folder", type=Path, help="a policy's folder")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32], help="rows a step")
    parser.add_argument("--turns", type=int, default=20, help="steps of each option")
    arguments = parser.parse_args()
    print(f"{json.loads((arguments.folder / MANIFEST_FILE).read_text())['id']}:")
    print("\n| option | batch | median, ms | to the defaults |\n|---|---|---|---|")
    for batch in arguments.batch:
        seconds = time_in_turns(arguments.folder, batch, arguments.turns)
        defaults = np.array(seconds["defaults"])
        for name, values in seconds.items():
            ratio = np.median(np.array(values) / defaults)
            print(f"| {name} | {batch} | {np.median(values) * 1e3:.1f} | {ratio:.2f} × |")


if __name__ == "__main__":
    main()
