"""Checkpoints of two random adapters on one random base, as training writes them."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedConfig

from qsft.adapters import BASE_FOLDER, PROJECTIONS
from qsft.export.contract import MODEL_ROLES
from qsft.tasks.wordle.tokenizer import save_tokenizer


def make_twin_checkpoint(folder: Path, config: PreTrainedConfig, **lora: object) -> Path:
    """Adapters of rank 4 and 6, far enough from zero that the two models differ."""
    save_tokenizer(folder)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / BASE_FOLDER)
    for seed, (role, rank) in enumerate(zip(MODEL_ROLES, (4, 6), strict=True)):
        base = AutoModelForCausalLM.from_pretrained(folder / BASE_FOLDER)
        settings = {"r": rank, "lora_alpha": 2 * rank, "target_modules": list(PROJECTIONS)} | lora
        torch.manual_seed(seed)
        adapted = get_peft_model(base, LoraConfig(**settings, init_lora_weights=False))
        adapted.save_pretrained(folder / role)
    return folder
