"""Checkpoints of adapters on one base: their two models, merged."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from small_llama import small_llama

from qsft.adapters import PROJECTIONS, ROLES, has_adapters, load_role, merged_checkpoint

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    small_llama(20).save_pretrained(tmp_path / "base")
    for seed, role in enumerate(ROLES):
        torch.manual_seed(seed)
        lora = LoraConfig(r=2, target_modules=list(PROJECTIONS), init_lora_weights=False)
        get_peft_model(small_llama(20), lora).save_pretrained(tmp_path / role)
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


def test_a_role_is_its_adapter_merged_into_the_base(checkpoint: Path) -> None:
    assert has_adapters(checkpoint)
    base = small_llama(20)(input_ids=IDS).logits
    logits = []
    for seed, role in enumerate(ROLES):
        torch.manual_seed(seed)
        lora = LoraConfig(r=2, target_modules=list(PROJECTIONS), init_lora_weights=False)
        adapted = get_peft_model(small_llama(20), lora)(input_ids=IDS).logits
        logits.append(load_role(checkpoint, role)(input_ids=IDS).logits)
        torch.testing.assert_close(logits[-1], adapted)
    assert not torch.allclose(logits[0], logits[1], atol=1e-3)
    assert not torch.allclose(logits[0], base, atol=1e-3)


def test_a_merged_checkpoint_holds_whole_models_and_every_other_file(checkpoint: Path) -> None:
    with merged_checkpoint(checkpoint) as merged:
        assert not has_adapters(merged)
        assert (merged / "tokenizer.json").read_text() == "{}"
        for role in ROLES:
            expected = load_role(checkpoint, role)(input_ids=IDS).logits
            torch.testing.assert_close(load_role(merged, role)(input_ids=IDS).logits, expected)
    assert not merged.exists()


def test_a_checkpoint_of_whole_models_is_its_own_merged_one(tmp_path: Path) -> None:
    small_llama(20).save_pretrained(tmp_path / "value")
    assert not has_adapters(tmp_path)
    with merged_checkpoint(tmp_path) as merged:
        assert merged == tmp_path
    assert load_role(merged, "value")(input_ids=IDS).logits.shape == (1, 8, 20)
