"""A checkpoint's two models, whole, whether it stores them so or as adapters on one base.

A checkpoint of adapters has `base/`, a Hugging Face model that both share, and in `behavior/` and
`value/` a PEFT adapter each: plain LoRA on the linear projections of PROJECTIONS.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

Role = Literal["behavior", "value"]
ROLES: tuple[Role, ...] = ("behavior", "value")
BASE_FOLDER = "base"
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def has_adapters(checkpoint: Path) -> bool:
    """Whether the checkpoint's models are adapters on one base."""
    return (checkpoint / BASE_FOLDER / "config.json").is_file()


def load_role(checkpoint: Path, role: Role) -> PreTrainedModel:
    """One model of a checkpoint in float32, its adapter merged into the base if it is one."""
    if not has_adapters(checkpoint):
        return AutoModelForCausalLM.from_pretrained(checkpoint / role, dtype=torch.float32)
    base = AutoModelForCausalLM.from_pretrained(checkpoint / BASE_FOLDER, dtype=torch.float32)
    return PeftModel.from_pretrained(base, checkpoint / role).merge_and_unload(safe_merge=True)


@contextmanager
def merged_checkpoint(checkpoint: Path) -> Iterator[Path]:
    """The checkpoint itself, or a temporary one whose two models are merged and whole."""
    if not has_adapters(checkpoint):
        yield checkpoint
        return
    with TemporaryDirectory(prefix="qsft-merged-") as temporary:
        merged = Path(temporary)
        for file in checkpoint.iterdir():
            if file.is_file():
                shutil.copyfile(file, merged / file.name)
        for role in ROLES:
            load_role(checkpoint, role).save_pretrained(merged / role)
        yield merged
