"""The processes that share a run, through Accelerate: one, several with whole models, or FSDP.

`accelerate launch` starts several. Each takes its part of every batch; gradients are summed.
"""

import os
from collections.abc import Iterable

import torch
from accelerate import Accelerator
from accelerate.utils import fsdp2_prepare_model
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from qsft.config import ConfigError
from qsft.training.batches import Batch


class Processes:
    """This process among those of the run; alone, every method does nothing."""

    def __init__(self, device: torch.device, accelerator: Accelerator | None = None) -> None:
        self.device = device
        self._accelerator = accelerator
        self.is_first = accelerator is None or accelerator.is_main_process
        self.shards = accelerator is not None and bool(accelerator.is_fsdp2)

    def shard(self, model: nn.Module) -> nn.Module:
        """Under FSDP, leave each process a part of every parameter."""
        if self._accelerator is None or not self.shards:
            return model
        sharded: nn.Module = fsdp2_prepare_model(self._accelerator, model)
        return sharded

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


def join_processes(device: str) -> Processes:
    """This process, alone unless `accelerate launch` or `torchrun` started it."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes(torch.device(device))
    accelerator = Accelerator(cpu=device == "cpu")
    if accelerator.distributed_type == "FSDP" and not accelerator.is_fsdp2:
        raise ConfigError("accelerate: fsdp_version must be 2")
    return Processes(accelerator.device, accelerator)
