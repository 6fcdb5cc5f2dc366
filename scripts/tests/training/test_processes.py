"""Two processes on CPUs: they learn what one does, with whole models or with FSDP's parts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_llama import SHAPE

from qsft.tasks.wordle.data import generate_games
from qsft.tasks.wordle.tokenizer import save_tokenizer
from qsft.trajectories import write_trajectories

SCRIPTS = Path(__file__).parents[2]
DEADLINE_S = 1200
RUN = f"""
task = "wordle"
evaluate_every = 2

[data]
train = "games.jsonl"
held_out = "games.jsonl"
tokenizer = "tokenizer"
max_tokens = 61
reserved_tokens = ["<pad>", "<leftover>", "<unk>"]
leftover_token = "<leftover>"

[model]
layers = 2
width = {SHAPE.width}
heads = {SHAPE.heads}
kv_heads = {SHAPE.kv_heads}
intermediate = {SHAPE.intermediate}

[reward]
low = -6
high = 0

[behavior]
steps = 4
batch_size = 8
learning_rate = 1e-2
warmup_steps = 1

[value]
steps = 4
batch_size = 8
micro_batch_size = 2
learning_rate = 1e-2
warmup_steps = 1
smoothing = "leftover"
"""
LORA = "\n[lora]\nrank = 2\nlayers = 1\n"
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ACCELERATE = ["-m", "accelerate.commands.launch", "--main_process_port", "0", "--config_file"]


def fsdp_on_cpus(folder: Path) -> list[str]:
    """The configuration that is shipped, on CPUs."""
    config = folder / "fsdp.yaml"
    shipped = (SCRIPTS / "runs" / "accelerate" / "fsdp.yaml").read_text()
    config.write_text(shipped + "use_cpu: true\n")
    return [*ACCELERATE, str(config)]


def qsft_train(launcher: list[str], out: str, folder: Path) -> None:
    command = [sys.executable, *launcher, "-m", "qsft", "train", "run.toml"]
    ended = subprocess.run(
        [*command, "--out", out, "--device", "cpu"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.parametrize("sharded", [False, True], ids=["whole models", "fsdp and lora"])
def test_two_processes_learn_what_one_does(sharded: bool, tmp_path: Path) -> None:
    lora = LORA if sharded else ""
    write_trajectories(tmp_path / "games.jsonl", generate_games(40, 0, fitting_share=0.3))
    save_tokenizer(tmp_path / "tokenizer")
    (tmp_path / "run.toml").write_text(RUN + lora)
    launcher = fsdp_on_cpus(tmp_path) if sharded else TORCHRUN
    qsft_train([], "one", tmp_path)
    qsft_train(launcher, "two", tmp_path)
    if sharded:
        shutil.rmtree(tmp_path / "two" / "value")
        qsft_train(launcher, "two", tmp_path)  # what is finished is loaded into the parts
    for role in ("behavior", "value"):
        name = "adapter_model.safetensors" if lora else "model.safetensors"
        one, two = (load_file(tmp_path / out / role / name) for out in ("one", "two"))
        assert one.keys() == two.keys()
        for key in one:
            torch.testing.assert_close(two[key], one[key], rtol=1e-3, atol=1e-4)
