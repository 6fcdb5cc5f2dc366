"""What tests of whole runs share: settings, bases, an interruption, the weights that are left."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import torch
from safetensors.torch import load_file
from small_llama import small_llama
from small_runs import CPU
from transformers import GPT2Config, GPT2LMHeadModel

from qsft.config import LoraSettings, ModelConfig, StageConfig
from qsft.tasks.wordle.tokenizer import save_tokenizer
from qsft.training.processes import Processes

ALONE = Processes(CPU)
STEPS = 7
STAGE = StageConfig(STEPS, batch_size=8, learning_rate=1e-2, warmup_steps=2)
LORA = LoraSettings(rank=2, alpha=4.0)


def weights(out: Path) -> dict[str, torch.Tensor]:
    """All weights that a run leaves behind."""
    return {
        f"{role}.{name}": tensor
        for role in ("behavior", "value")
        for name, tensor in load_file(out / role / "model.safetensors").items()
    }


def assert_bitwise_equal(found: Path, expected: Path) -> None:
    left, right = weights(found), weights(expected)
    assert left.keys() == right.keys()
    different = [name for name in left if not torch.equal(left[name], right[name])]
    assert different == []


def interrupt_at(step: int, original: Callable[..., None]) -> Callable[..., None]:
    """The `after_step` of a stage, which is interrupted the first time that it comes to `step`."""
    calls = count(1)

    def after_step(stage: object) -> None:
        original(stage)
        if next(calls) == step:
            raise KeyboardInterrupt

    return after_step


def save_base(folder: Path, vocab_size: int) -> ModelConfig:
    """A pretrained model to start from."""
    torch.manual_seed(0)
    shape = GPT2Config(vocab_size=vocab_size, n_positions=64, n_embd=16, n_layer=1, n_head=2)
    assert shape.resid_pdrop > 0
    GPT2LMHeadModel(shape).save_pretrained(folder)
    return ModelConfig(base=str(folder))


def save_llama_base(folder: Path) -> ModelConfig:
    """A base with its tokenizer."""
    small_llama(60).save_pretrained(folder)
    save_tokenizer(folder)
    return ModelConfig(base=str(folder))
