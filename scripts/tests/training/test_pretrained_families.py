"""Each model family as a base: one step of training, the export, and its comparison."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import CPU
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from qsft.cli import main
from qsft.config import (
    ConfigError,
    DataConfig,
    LoraSettings,
    ModelConfig,
    RewardConfig,
    RunConfig,
    StageConfig,
    ValueConfig,
)
from qsft.tasks.wordle.data import generate_games
from qsft.tasks.wordle.tokenizer import RESERVED, save_tokenizer
from qsft.training.processes import Processes
from qsft.training.run import train
from qsft.trajectories import write_trajectories

VOCABULARY = 64  # the tokenizer's 58, rounded up as pretrained models do
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": 2,
    "pad_token_id": None,
    "initializer_range": 0.1,
}
BASES: dict[str, PreTrainedConfig] = {
    "llama tied": LlamaConfig(**SHAPE, tie_word_embeddings=True),
    "llama untied": LlamaConfig(**SHAPE, tie_word_embeddings=False),
    "qwen2": Qwen2Config(**SHAPE),
    "qwen3": Qwen3Config(**SHAPE, head_dim=16),
    "mistral": MistralConfig(**SHAPE, head_dim=16),
    "gemma": GemmaConfig(**SHAPE, head_dim=16),
    "gemma2": Gemma2Config(**SHAPE, head_dim=16),
}


def make_run(base: PreTrainedConfig, folder: Path) -> RunConfig:
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(base).save_pretrained(folder / "base")
    save_tokenizer(folder / "base")
    write_trajectories(folder / "games.jsonl", generate_games(8, 0, fitting_share=0.3))
    games = str(folder / "games.jsonl")
    return RunConfig(
        task="wordle",
        data=DataConfig(games, games, max_tokens=61, reserved_tokens=RESERVED),
        reward=RewardConfig(-6.0, 0.0),
        model=ModelConfig(base=str(folder / "base")),
        behavior=StageConfig(1, batch_size=4, warmup_steps=0, learning_rate=1e-2),
        value=ValueConfig(1, batch_size=4, warmup_steps=0, learning_rate=1e-2),
        packing=True,
    )


# What the export cannot read (Gemma 3), or what its comparison finds wrong (Phi): never served.
REFUSED: dict[str, tuple[PreTrainedConfig, str]] = {
    "gemma3": (Gemma3TextConfig(**SHAPE, head_dim=16), "the model builder failed on it: "),
    "phi": (PhiConfig(**SHAPE | {"hidden_size": 64}), "ONNX Runtime differs from PyTorch"),
    "phi3": (
        Phi3Config(**SHAPE, original_max_position_embeddings=64),
        "ONNX Runtime differs from PyTorch",
    ),
}


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("family", BASES)
def test_a_base_of_the_family_is_trained_and_exported(
    family: str, lora: bool, tmp_path: Path
) -> None:
    run = make_run(BASES[family], tmp_path)
    if lora:
        run = replace(run, lora=LoraSettings(rank=2, layers=1))
    train(run, tmp_path / "out", Processes(CPU))
    assert main(["export", str(tmp_path / "out"), str(tmp_path / "policy")]) == 0
    manifest = json.loads((tmp_path / "policy" / "policy.json").read_text())
    assert manifest["reserved_token_ids"] == [0, 1, 3, *range(58, VOCABULARY)]
    assert manifest["eos_token_ids"] == [2]


@pytest.mark.parametrize("family", REFUSED)
def test_a_family_that_cannot_be_exported_is_refused(
    family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, reason = REFUSED[family]
    train(make_run(base, tmp_path), tmp_path / "out", Processes(CPU))
    assert main(["export", str(tmp_path / "out"), str(tmp_path / "policy")]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "policy").exists()


def test_adapters_are_refused_where_projections_are_fused(tmp_path: Path) -> None:
    run = replace(make_run(REFUSED["phi3"][0], tmp_path), lora=LoraSettings())
    with pytest.raises(ConfigError, match=r"lora: Phi3ForCausalLM has no q_proj, k_proj, v_proj"):
        train(run, tmp_path / "out", Processes(CPU))
