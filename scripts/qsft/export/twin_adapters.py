"""PEFT's LoRA adapters as plain matrices: what each adds to which linear layer of the base.

y = x W + (x A) B        A: (in, r), B: (r, out), with LoRA's scale α/r inside B
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftConfig
from peft.utils import load_peft_weights

from qsft.adapters import PROJECTIONS
from qsft.export.contract import MODEL_ROLES, ModelRole
from qsft.export.options import ExportError

ADAPTER_CONFIG = "adapter_config.json"
# What plain LoRA leaves unset; each would change what the matrices mean.
UNSUPPORTED = (
    "use_dora",
    "use_rslora",
    "fan_in_fan_out",
    "lora_bias",
    "alora_invocation_tokens",
    "layer_replication",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "alpha_pattern",
)
WEIGHT = re.compile(r"\.layers\.(\d+)\.\w+\.(\w+)\.lora_([AB])\.weight$")

Weight = NDArray[np.float32]


@dataclass(frozen=True)
class Site:
    """One linear layer of the base."""

    layer: int
    projection: str


@dataclass(frozen=True)
class Delta:
    """What one adapter adds at a site: (x A) B."""

    a: Weight  # (in, r)
    b: Weight  # (r, out)


Adapter = Mapping[Site, Delta]


def read_adapters(checkpoint: Path) -> dict[ModelRole, Adapter]:
    """Both models' adapters; raise on anything that is more than plain LoRA."""
    return {role: _read_adapter(checkpoint / role, role) for role in MODEL_ROLES}


def _read_adapter(folder: Path, role: ModelRole) -> Adapter:
    config: dict[str, Any] = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    kind = config.get("peft_type")
    if kind != "LORA":
        raise ExportError(f"{role}: the adapter is of type {kind}, only LORA can be exported")
    for name in UNSUPPORTED:
        if config.get(name):
            raise ExportError(f"{role}: the adapter sets {name} to {config[name]}, not supported")
    if config.get("bias", "none") != "none":
        raise ExportError(f"{role}: the adapter trains biases ({config['bias']}), not supported")
    halves: dict[Site, dict[str, Weight]] = {}
    for name, tensor in load_peft_weights(str(folder), device="cpu").items():
        match = WEIGHT.search(name)
        if match is None or match[2] not in PROJECTIONS:
            raise ExportError(f"{role}: the adapter has {name}, which is on no projection")
        weight: Weight = tensor.to(torch.float32).numpy().T
        halves.setdefault(Site(int(match[1]), match[2]), {})[match[3]] = weight
    alpha = PeftConfig.from_pretrained(str(folder)).lora_alpha
    return {
        site: Delta(half["A"], np.asarray(half["B"] * np.float32(alpha / half["A"].shape[1])))
        for site, half in halves.items()
    }
