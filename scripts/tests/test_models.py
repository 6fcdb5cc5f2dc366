"""Fresh and pretrained models."""

import torch
from small_llama import SHAPE, small_llama

from qsft.models import fresh_model


def parameters(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in model.parameters()])


def test_a_fresh_models_weights_depend_on_the_seed_alone() -> None:
    first = parameters(small_llama(20, seed=1))
    torch.rand(5)
    assert torch.equal(parameters(small_llama(20, seed=1)), first)
    assert not torch.equal(parameters(small_llama(20, seed=2)), first)


def test_making_a_model_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    small_llama(20, seed=9)
    assert torch.equal(torch.rand(3), expected)


def test_a_fresh_model_has_the_shape_that_was_asked_for() -> None:
    model = fresh_model(SHAPE, vocab_size=20, seed=0)
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size) == (SHAPE.layers, SHAPE.width)
    assert config.num_key_value_heads == SHAPE.kv_heads
    assert config.max_position_embeddings == SHAPE.max_length
    assert model(input_ids=torch.tensor([[1, 2]])).logits.shape == (1, 2, 20)
