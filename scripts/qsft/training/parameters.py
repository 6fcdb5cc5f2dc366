"""Other values for a model's trainable parameters, which it takes for the length of a pass."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


class LiveParameters:
    """A model's trainable parameters themselves, for a checkpoint without what is frozen."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters = trainable(model)

    def state_dict(self) -> dict[str, Tensor]:
        return _numbered(parameter.detach() for parameter in self._parameters)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        _copy_numbered(state, self._parameters)


class ParameterCopy:
    """What the model's trainable parameters are now, kept: π_φ and θ̄ beside θ are such copies.

    Calling one is calling the model with these values, without gradients. What is frozen exists
    once, so that two adapters and an average of one share their base.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._parameters = trainable(model)
        self.values = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def __call__(self, **inputs: Tensor) -> Any:
        training = self._model.training
        self._model.eval()
        self._exchange()
        try:
            return self._model(**inputs)
        finally:
            self._exchange()
            self._model.train(training)

    @torch.no_grad()
    def restore(self) -> None:
        """Give the model these values back."""
        for parameter, value in zip(self._parameters, self.values, strict=True):
            parameter.copy_(value)

    @torch.no_grad()
    def follow(self, rate: float) -> None:
        """Move to the model's present values by `rate` of the way."""
        present = [parameter.detach() for parameter in self._parameters]
        torch._foreach_lerp_(self.values, present, rate)

    def state_dict(self) -> dict[str, Tensor]:
        return _numbered(self.values)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        _copy_numbered(state, self.values)

    def _exchange(self) -> None:
        for parameter, value in zip(self._parameters, self.values, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(value)
            value.copy_(kept)
        # Autocast keeps what it cast of a weight, by the weight's identity.
        torch.clear_autocast_cache()


def _numbered(tensors: Iterable[Tensor]) -> dict[str, Tensor]:
    return {str(index): tensor for index, tensor in enumerate(tensors)}


@torch.no_grad()
def _copy_numbered(state: dict[str, Tensor], tensors: Sequence[Tensor]) -> None:
    if len(state) != len(tensors):
        raise ValueError(f"{len(state)} stored parameters for {len(tensors)}")
    for index, tensor in enumerate(tensors):
        tensor.copy_(state[str(index)])
