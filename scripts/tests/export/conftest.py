"""Checkpoints of random models, as training writes them, and the stored tiny policy."""

from pathlib import Path

import pytest
import torch
from small_models import FIXTURES, MakeCheckpoint
from transformers import AutoModelForCausalLM, PreTrainedConfig

from qsft.export.contract import MODEL_ROLES
from qsft.tasks.wordle.tokenizer import save_tokenizer


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> MakeCheckpoint:
    """A checkpoint whose models have the given configuration; value's may differ."""

    def make(behavior: PreTrainedConfig, value: PreTrainedConfig | None = None) -> Path:
        folder = tmp_path / "checkpoint"
        save_tokenizer(folder)
        for seed, (role, config) in enumerate(
            zip(MODEL_ROLES, (behavior, value or behavior), strict=True)
        ):
            torch.manual_seed(seed)
            AutoModelForCausalLM.from_config(config).save_pretrained(folder / role)
        return folder

    return make


@pytest.fixture
def tiny_policy() -> Path:
    return FIXTURES / "tiny-policy"
