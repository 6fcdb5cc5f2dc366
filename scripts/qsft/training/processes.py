"""The processes that share a run, through Accelerate: one, several with whole models, or FSDP.

`accelerate launch` starts several. Each takes its part of every batch; gradients are summed.
"""

import os
from collections.abc import Iterable

import torch
from accelerate import Accelerator
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from qsft.config import ConfigError
from qsft.training.batches import Batch


class Processes:
    """This process among those of the run; alone, every method does nothing."""

    def __init__(self, device: torch.device, accelerator: Accelerator | None = None) -> None:
        self.device = device
        self._accelerator = accelerator
        self.is_first = accelerator is None or accelerator.is_main_process
        # What `accelerate launch` sets for `distributed_type: FSDP`.
        self.shards = accelerator is not None and parse_flag_from_env("ACCELERATE_USE_FSDP")

    def shard(self, model: nn.Module) -> None:
        """Under FSDP, leave each process a part of every parameter."""
        if not self.shards:
            return
        layers = set(getattr(model, "_no_split_modules", None) or ())
        # Between passes every parameter lies sharded: that is when copies of them are exchanged.
        for module in model.modules():
            if type(module).__name__ in layers:
                fully_shard(module, reshard_after_forward=True)
        fully_shard(model, reshard_after_forward=True)

    def part_of(self, batch: Batch) -> Batch:
        """Every n-th trajectory of a batch, for the n-th process."""
        if self._accelerator is None:
            return batch
        count, size = self._accelerator.num_processes, len(batch.ids)
        if size % count:
            raise ConfigError(
                f"batch_size: {size} trajectories do not divide over {count} processes"
            )
        return batch.rows(slice(self._accelerator.process_index, None, count))

    def sum(self, value: Tensor) -> Tensor:
        if self._accelerator is None:
            return value
        total: Tensor = self._accelerator.reduce(value, reduction="sum")
        return total

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the processes' gradients; FSDP has averaged them already."""
        if self._accelerator is None:
            return
        for parameter in parameters:
            if parameter.grad is None:
                continue
            if self.shards:
                parameter.grad.mul_(self._accelerator.num_processes)
            else:
                torch.distributed.all_reduce(parameter.grad)

    def gathered(self, model: nn.Module) -> dict[str, Tensor]:
        """The whole model's parameters; all processes must ask."""
        return {name: whole(tensor) for name, tensor in model.state_dict().items()}

    def wait(self) -> None:
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()


def whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def assign(parameter: nn.Parameter, value: Tensor) -> None:
    """Give a parameter, or this process's part of it, a whole value."""
    if isinstance(parameter, DTensor):
        mesh, placements = parameter.device_mesh, parameter.placements
        value = distribute_tensor(value.to(parameter.device), mesh, placements)
    with torch.no_grad():
        parameter.copy_(value)


def join_processes(device: str) -> Processes:
    """This process, alone unless `accelerate launch` or `torchrun` started it."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes(torch.device(device))
    accelerator = Accelerator(cpu=device == "cpu")
    return Processes(accelerator.device, accelerator)
