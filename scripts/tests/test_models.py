"""Fresh and pretrained models."""

from pathlib import Path

import torch
from small_llama import SHAPE, small_llama

from qsft.config import ModelConfig
from qsft.models import build_model, load_model


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
    model = build_model(SHAPE, vocab_size=20, seed=0)
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size) == (SHAPE.layers, SHAPE.width)
    assert config.num_key_value_heads == SHAPE.kv_heads
    assert config.max_position_embeddings == SHAPE.max_length
    assert model(input_ids=torch.tensor([[1, 2]])).logits.shape == (1, 2, 20)


def test_a_base_is_loaded_in_float32_whatever_it_was_saved_in(tmp_path: Path) -> None:
    saved = small_llama(20, seed=1).to(torch.bfloat16)
    saved.save_pretrained(tmp_path)
    loaded = build_model(ModelConfig(base=str(tmp_path)), vocab_size=20, seed=5)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert torch.equal(parameters(loaded), parameters(saved).float())
    assert torch.equal(parameters(load_model(tmp_path)), parameters(loaded))
