"""A stage's training state on disk, replaced atomically: a crash leaves the last good one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

_NAME = "checkpoint.pt"


class Network(Protocol):
    """Anything with weights."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


def save_checkpoint(
    folder: Path,
    step: int,
    networks: Mapping[str, Network],
    optimizer: Optimizer,
    schedule: LRScheduler,
) -> None:
    """Write everything that the steps after `step` depend on."""
    state = {
        "step": step,
        "networks": {name: network.state_dict() for name, network in networks.items()},
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / (_NAME + ".part")
    torch.save(state, temporary)
    os.replace(temporary, folder / _NAME)


def load_checkpoint(
    folder: Path, networks: Mapping[str, Network], optimizer: Optimizer, schedule: LRScheduler
) -> int:
    """Restore a checkpoint and return the steps it has done; 0 when there is none."""
    path = folder / _NAME
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, network in networks.items():
        network.load_state_dict(state["networks"][name])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    step: int = state["step"]
    return step


def remove_checkpoint(folder: Path) -> None:
    (folder / _NAME).unlink(missing_ok=True)
