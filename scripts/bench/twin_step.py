"""Time a twin's step beside its base alone and beside two whole models, in turns; and their memory.

python bench/twin_step.py --precision fp32 int8 int4    # from scripts/, into out/twin

SmolLM2-135M's shape, random weights, adapters of rank 16. Of every way the fastest step counts:
what else runs on the machine only ever adds.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from make_model import OUT, make_policy, random_model, save_tokenizer
from onnxruntime import InferenceSession
from peft import LoraConfig, get_peft_model
from step_compare import seconds_of

from qsft.adapters import BASE_FOLDER, PROJECTIONS
from qsft.export.contract import MODEL_ROLES, STEP_FILE, Precision, graph_file
from qsft.export.graph_runner import Array, Chunk, GraphRunner, policy_inputs
from qsft.policy.extraction import PolicyParameters, step_weights

CACHE_LENGTH = 128
RANK = 16
WARM_UP_TURNS = 3
WAYS = ("base", "twin", "whole")


def make_checkpoint(checkpoint: Path, layers: int | None) -> None:
    """Two adapters on the base's last layers, or on all; small in effect, as after training."""
    model = random_model("behavior")
    count = len(model.get_decoder().layers)
    adapted_layers = None if layers is None else list(range(count - layers, count))
    model.save_pretrained(checkpoint / BASE_FOLDER)
    for seed, role in enumerate(MODEL_ROLES):
        torch.manual_seed(seed)
        lora = LoraConfig(
            r=RANK,
            target_modules=list(PROJECTIONS),
            layers_to_transform=adapted_layers,
            init_lora_weights=False,
        )
        adapted = get_peft_model(model, lora)
        adapted.save_pretrained(checkpoint / role)
        model = adapted.unload()
    save_tokenizer(checkpoint)


def make_folders(checkpoint: Path, precision: Precision, out: Path) -> None:
    """The twin, two whole models, and the base: the behavior of a twin whose adapters are gone."""
    for twin in (True, False):
        report = make_policy(checkpoint, precision, out / ("twin" if twin else "whole"), twin)
        kl = {
            name: round(divergence.mean, 5) for name, divergence in report.verification.kl.items()
        }
        print(f"{report.folder}: KL from PyTorch {kl}")


def graph_of(folder: Path, way: str) -> Path:
    """The base alone is a whole model's own graph: same shape, no adapters, no combination."""
    return folder / "whole" / graph_file("behavior") if way == "base" else folder / way / STEP_FILE


def inputs_of(way: str, batch: int) -> dict[str, Array]:
    return {} if way == "base" else policy_inputs([step_weights(PolicyParameters())] * batch)


def milliseconds(folder: Path, batch: int, threads: int, turns: int) -> dict[str, float]:
    """Of each way's fastest decode step."""
    runners = {
        way: GraphRunner(graph_of(folder, way), batch, CACHE_LENGTH, threads) for way in WAYS
    }
    chunks = [Chunk(CACHE_LENGTH // 2, [2])] * batch
    fastest = dict.fromkeys(WAYS, float("inf"))
    for turn in range(WARM_UP_TURNS + turns):
        for way, runner in runners.items():
            seconds = seconds_of(runner, chunks, range(batch), inputs_of(way, batch))
            if turn >= WARM_UP_TURNS:
                fastest[way] = min(fastest[way], seconds * 1e3)
    return fastest


def resident_bytes(folder: Path, way: str) -> int:
    """What opening the graph adds to a fresh process: the prepared weights, and the library."""
    command = [sys.executable, __file__, "--resident", str(folder), way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def print_resident(folder: Path, way: str) -> None:
    """As the server opens it: a `GraphRunner` would read the graph in Python, too."""
    path, before = str(graph_of(folder, way)), resident_now()
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    print(resident_now() - before)
    del session


def resident_now() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line for line in lines if line.startswith("VmRSS:")).split()[1]
    return int(kilobytes) * 1024


def disk_bytes(folder: Path, way: str) -> int:
    """The base's folder is a whole policy's without the other model and the step."""
    if way != "base":
        return sum(file.stat().st_size for file in (folder / way).iterdir())
    others = {STEP_FILE, graph_file("value"), f"{graph_file('value')}.data"}
    files = (folder / "whole").iterdir()
    return sum(file.stat().st_size for file in files if file.name not in others)


def report(folder: Path, precision: Precision, batches: list[int], turns: int) -> None:
    threads = torch.get_num_threads()
    print(f"\n| {precision} | base alone | twin | two whole models |")
    print("|---|---|---|---|")
    for batch in batches:
        fastest = milliseconds(folder, batch, threads, turns)
        cells = [f"{ms:.1f} ms ({ms / fastest['base']:.2f} ×)" for ms in fastest.values()]
        print(f"| step at batch {batch} | {' | '.join(cells)} |", flush=True)
    for title, measure in (("resident", resident_bytes), ("on disk", disk_bytes)):
        sizes = {way: measure(folder, way) for way in WAYS}
        cells = [f"{size / 1e6:.0f} MB ({size / sizes['base']:.2f} ×)" for size in sizes.values()]
        print(f"| {title} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a twin's step.")
    parser.add_argument("--out", type=Path, default=OUT.parent / "twin")
    parser.add_argument("--precision", nargs="+", default=["fp32", "int8", "int4"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32], help="rows a step")
    parser.add_argument("--turns", type=int, default=30, help="timed steps of each way")
    parser.add_argument("--layers", type=int, help="adapters on the last so many; without it, all")
    parser.add_argument("--keep", action="store_true", help="time the folders that are there")
    parser.add_argument("--resident", nargs=2, metavar=("FOLDER", "WAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.resident:
        print_resident(Path(arguments.resident[0]), arguments.resident[1])
        return
    checkpoint = arguments.out / "checkpoint"
    if not arguments.keep:
        shutil.rmtree(checkpoint, ignore_errors=True)
        make_checkpoint(checkpoint, arguments.layers)
    for precision in arguments.precision:
        folder = arguments.out / precision
        if not arguments.keep:
            make_folders(checkpoint, precision, folder)
        report(folder, precision, arguments.batch, arguments.turns)


if __name__ == "__main__":
    main()
