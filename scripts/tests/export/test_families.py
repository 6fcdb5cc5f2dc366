"""Each model family exports and verifies: ONNX Runtime gives PyTorch's distributions."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_models import SHAPE, MakeCheckpoint, llama
from transformers import (
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from qsft.export.contract import Precision
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options

WINDOW = {"sliding_window": 16}  # shorter than the prompts that verify
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
FAMILIES: dict[str, PreTrainedConfig] = {
    "llama tied": llama(tie_word_embeddings=True),
    "llama untied": llama(tie_word_embeddings=False),
    "llama 3 rotary scaling": llama(rope_parameters=LLAMA3_ROPE),
    "mistral with a window": MistralConfig(**SHAPE, **WINDOW, head_dim=16),
    "mistral without": MistralConfig(**SHAPE, sliding_window=None, head_dim=16),
    "qwen2": Qwen2Config(**SHAPE, tie_word_embeddings=True),
    "qwen2 with a window": Qwen2Config(
        **SHAPE, **WINDOW, use_sliding_window=True, max_window_layers=1
    ),
    "qwen3": Qwen3Config(**SHAPE, head_dim=32),
    "smollm3": SmolLM3Config(**SHAPE),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_exports(family: str, make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    report = export_policy(make_checkpoint(FAMILIES[family]), tmp_path / "out", tiny_options())
    assert report.verification.logits_difference < 1e-4
    assert report.verification.schedule_difference < 1e-5


@pytest.mark.parametrize(("precision", "largest_kl"), [("int8", 5e-3), ("int4", 0.1)])
@pytest.mark.parametrize("tied", [True, False])
def test_quantized_weights_are_smaller_and_near(
    precision: Precision,
    largest_kl: float,
    tied: bool,
    make_checkpoint: MakeCheckpoint,
    tmp_path: Path,
) -> None:
    checkpoint = make_checkpoint(llama(tie_word_embeddings=tied))
    full = export_policy(checkpoint, tmp_path / "fp32", tiny_options())
    options = replace(tiny_options(), precision=precision)
    quantized = export_policy(checkpoint, tmp_path / precision, options)
    assert quantized.bytes < 0.6 * full.bytes
    for kl in quantized.verification.kl.values():
        assert 0 < kl.mean < largest_kl


def test_the_two_models_may_differ_in_shape(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    value = llama(hidden_size=32, num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=1)
    export_policy(make_checkpoint(llama(), value), tmp_path / "out", tiny_options())
