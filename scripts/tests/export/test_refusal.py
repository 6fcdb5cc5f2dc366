"""What the export refuses, in words, and that it leaves nothing behind."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_models import SHAPE, MakeCheckpoint, llama
from transformers import GPT2Config

from qsft.export.builder import DecoderShape
from qsft.export.options import ExportError, ExportOptions
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options
from qsft.export.verify import verify_policy


def assert_refused(checkpoint: Path, out: Path, options: ExportOptions, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        export_policy(checkpoint, out, options)
    assert not out.exists()
    assert [entry.name for entry in out.parent.iterdir()] == ["checkpoint"]


def test_a_folder_that_differs_from_pytorch_is_not_written(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), precision="int4", mean_kl_limit=1e-5)
    message = "mean KL of behavior: .*, at most 1e-05 allowed"
    assert_refused(make_checkpoint(llama()), tmp_path / "out", options, message)


def test_weights_that_are_not_the_checkpoints_are_noticed(
    make_checkpoint: MakeCheckpoint, tiny_policy: Path
) -> None:
    other = make_checkpoint(llama(initializer_range=0.2))
    shape = DecoderShape(
        layers=2, kv_heads=1, head_dim=16, vocab_size=SHAPE["vocab_size"], max_length=64
    )
    with pytest.raises(ExportError, match="differs from PyTorch"):
        verify_policy(other, tiny_policy, tiny_options(), shape)


def test_models_of_different_vocabularies_make_no_policy(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(llama(), llama(vocab_size=60))
    message = "vocab_size: behavior has 58, value has 60"
    assert_refused(checkpoint, tmp_path / "out", tiny_options(), message)


def test_ids_outside_the_vocabulary_are_named(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), reserved_token_ids=(0, 58))
    message = r"reserved_token_ids: 58 is not in \[0, 58\)"
    assert_refused(make_checkpoint(llama()), tmp_path / "out", options, message)


def test_a_template_without_its_gap_is_refused(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), fill_in_the_middle="<pre>{prefix}<mid>")
    message = "fill_in_the_middle: '<pre>{prefix}<mid>' has no {prefix} or no {suffix}"
    assert_refused(make_checkpoint(llama()), tmp_path / "out", options, message)


def test_a_family_that_the_builder_does_not_know_is_refused(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    config = GPT2Config(vocab_size=58, n_embd=32, n_layer=1, n_head=2, n_positions=64)
    message = "behavior: the model builder failed on it"
    assert_refused(make_checkpoint(config), tmp_path / "out", tiny_options(), message)


def test_a_folder_without_models_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    message = r"behavior/config\.json is missing"
    assert_refused(tmp_path / "checkpoint", tmp_path / "out", tiny_options(), message)


def test_an_existing_folder_is_replaced_only_when_asked(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    checkpoint, out = make_checkpoint(llama()), tmp_path / "out"
    out.mkdir()
    (out / "old").touch()
    with pytest.raises(ExportError, match="exists already"):
        export_policy(checkpoint, out, replace(tiny_options(), replace=False))
    assert (out / "old").exists()
    export_policy(checkpoint, out, tiny_options())
    assert not (out / "old").exists()
