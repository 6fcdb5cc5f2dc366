"""Where a decode step's time goes by operator, and how far it is from what the machine could do.

python bench/step_profile.py out/bench/int4 --batch 1 8 32 --threads 1 2    # from scripts/

The bounds are of this machine, measured just before: reading memory, and multiplying float32
matrices in PyTorch. Integer kernels can exceed the second.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime
import torch

from qsft.export.contract import MANIFEST_FILE, MODEL_ROLES, STEP_FILE, weights_file
from qsft.export.graph_runner import Chunk, GraphRunner, policy_inputs
from qsft.policy.extraction import PolicyParameters, step_weights

CACHE_LENGTH = 128
STEPS = 20
PARAMETERS = 134_515_008  # of one model, embeddings once: each is multiplied once a token
LARGEST_ROWS = 6


class ProfiledRunner(GraphRunner):
    """The export's runner, in a session that writes a profile."""

    def __init__(self, path: Path, slots: int, threads: int, prefix: Path) -> None:
        super().__init__(path, slots, CACHE_LENGTH, threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_profiling = True
        options.profile_file_prefix = str(prefix)
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def microseconds(self) -> dict[str, float]:
        """By operator, a step."""
        spent: dict[str, float] = defaultdict(float)
        for event in json.loads(Path(self._session.end_profiling()).read_text()):
            # An If's time is that of the nodes in its branch, which have events of their own.
            is_kernel = event["cat"] == "Node" and event["name"].endswith("_kernel_time")
            if is_kernel and event["args"]["op_name"] != "If":
                spent[event["args"]["op_name"]] += event["dur"] / STEPS
        return spent


def bytes_per_second() -> float:
    """Reading a gigabyte that no cache holds."""
    memory = torch.ones(2**28)
    memory.sum()
    started = time.perf_counter()
    memory.sum()
    return memory.nbytes / (time.perf_counter() - started)


def operations_per_second() -> float:
    """A large float32 matrix product, a multiplication and an addition as two."""
    size = 1024
    matrix = torch.ones(size, size)
    matrix @ matrix
    started = time.perf_counter()
    for _ in range(4):
        matrix @ matrix
    return 4 * 2 * size**3 / (time.perf_counter() - started)


def profile(folder: Path, batch: int, threads: int) -> dict[str, float]:
    with TemporaryDirectory() as temporary:
        runner = ProfiledRunner(folder / STEP_FILE, batch, threads, Path(temporary) / "step")
        extra = policy_inputs([step_weights(PolicyParameters())] * batch)
        for _ in range(STEPS):
            runner.run([Chunk(CACHE_LENGTH // 2, [2])] * batch, range(batch), extra)
        return runner.microseconds()


def main() -> None:
    parser = argparse.ArgumentParser(description="Profile a decode step.")
    parser.add_argument("folder", type=Path, help="a policy's folder")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32], help="rows a step")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="inside an operator")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    weights = sum((folder / weights_file(role)).stat().st_size for role in MODEL_ROLES)
    print(f"{json.loads((folder / MANIFEST_FILE).read_text())['id']}: {weights / 1e6:.0f} MB\n")
    print("| threads | batch | step, ms | memory bound | arithmetic bound | operators |")
    print("|---|---|---|---|---|---|")
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        memory_ms = weights / bytes_per_second() * 1e3
        token_ms = 2 * 2 * PARAMETERS / operations_per_second() * 1e3
        for batch in arguments.batch:
            spent = profile(folder, batch, threads)
            total = sum(spent.values())
            largest = sorted(spent.items(), key=lambda item: -item[1])[:LARGEST_ROWS]
            shares = ", ".join(f"{name} {value / total:.0%}" for name, value in largest)
            bounds = f"{memory_ms:.1f} | {batch * token_ms:.1f}"
            print(f"| {threads} | {batch} | {total / 1e3:.1f} | {bounds} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
