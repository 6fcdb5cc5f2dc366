"""Frozen layers that remember their last input: the same numbers, computed once."""

from dataclasses import replace

import pytest
import torch
from small_llama import SHAPE
from torch import Tensor
from transformers import PreTrainedModel

from qsft.config import ConfigError, LoraSettings
from qsft.frozen_layers import share_frozen_layers
from qsft.models import add_adapter, fresh_model

LAYERS = 3
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
TWO_IN_A_ROW = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]])


def llama() -> PreTrainedModel:
    return fresh_model(replace(SHAPE, layers=LAYERS), 20, seed=0)


def count_runs(model: PreTrainedModel) -> list[int]:
    """The layers whose attention runs from now on, in order."""
    runs: list[int] = []
    for index, layer in enumerate(model.get_decoder().layers):
        layer.self_attn.register_forward_hook(lambda *_, index=index: runs.append(index))
    return runs


def logits(model: torch.nn.Module, ids: Tensor, **others: Tensor) -> Tensor:
    result: Tensor = model(input_ids=ids, **others).logits
    return result


def test_the_same_batch_passes_the_frozen_layers_once() -> None:
    model = llama()
    expected = logits(model, IDS)
    share_frozen_layers(model.get_decoder().layers[:2])
    runs = count_runs(model)
    for _ in range(3):
        assert torch.equal(logits(model, IDS), expected)
    assert runs == [0, 1, 2, 2, 2]


def test_another_batch_or_other_positions_pass_them_again() -> None:
    model = llama()
    inputs = [(IDS, None), (IDS, TWO_IN_A_ROW), (IDS[:, :5], None), (IDS, None)]
    expected = [logits(model, ids, position_ids=positions) for ids, positions in inputs]
    share_frozen_layers(model.get_decoder().layers[:2])
    for (ids, positions), one in zip(inputs, expected, strict=True):
        assert torch.equal(logits(model, ids, position_ids=positions), one)


def test_another_precision_passes_them_again() -> None:
    model = llama()
    share_frozen_layers(model.get_decoder().layers[:2])
    runs = count_runs(model)
    whole = logits(model, IDS)
    with torch.autocast("cpu", torch.bfloat16):
        half = logits(model, IDS)
    assert torch.equal(logits(model, IDS), whole)
    assert not torch.equal(half, whole)
    assert runs == [0, 1, 2] * 3


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_adapters_on_the_last_layers_leave_the_others_without_any(layers: int) -> None:
    base = llama()
    adapted = add_adapter(base, LoraSettings(rank=2, layers=layers), seed=0)
    trained = {
        int(name.split(".layers.")[1].split(".")[0])
        for name, parameter in adapted.named_parameters()
        if parameter.requires_grad
    }
    assert trained == set(range(LAYERS - layers, LAYERS))
    runs = count_runs(base)
    logits(adapted, IDS).sum().backward()
    logits(adapted, IDS)
    assert runs == [0, 1, 2, *sorted(trained)]


def test_a_base_with_fewer_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lora\.layers: the base has 3 layers, got 4"):
        add_adapter(llama(), LoraSettings(layers=4), seed=0)
