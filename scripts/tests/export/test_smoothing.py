"""Smoothing moves factors between activations and weights, and changes no float32 result."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto
from small_models import SHAPE, MakeCheckpoint, llama
from transformers import PreTrainedConfig, Qwen2Config, Qwen3Config
from twin_checkpoints import make_twin_checkpoint

from qsft.adapters import BASE_FOLDER
from qsft.export.builder import build_decoder
from qsft.export.channel_makers import ChannelMakers
from qsft.export.contract import MODEL_ROLES
from qsft.export.decoder_graph import adapt_decoder
from qsft.export.graph_runner import Array, Chunk, GraphRunner
from qsft.export.smoothing import smooth_activations
from qsft.export.twin_adapters import read_adapters
from qsft.export.twin_deltas import add_deltas
from qsft.export.twin_graph import single_model

MODELS: dict[str, PreTrainedConfig] = {
    "llama tied": llama(tie_word_embeddings=True),
    "llama untied": llama(tie_word_embeddings=False),
    "qwen2, whose values have biases": Qwen2Config(**SHAPE, tie_word_embeddings=True),
    "qwen3, whose values are a product of their own": Qwen3Config(**SHAPE, head_dim=32),
}
PROMPT = [3, 14, 15, 9, 26, 5, 35, 8]


def logits(model: ModelProto, path: Path) -> Array:
    path.write_bytes(model.SerializeToString())
    runner = GraphRunner(path, slots=1, cache_length=len(PROMPT), threads=1)
    return runner.run([Chunk(0, PROMPT)], range(len(PROMPT)), {})["logits"]


@pytest.mark.parametrize("family", MODELS)
def test_no_float32_result_changes(
    family: str, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(MODELS[family])
    built = build_decoder(checkpoint, "behavior", "fp32", tmp_path)
    model = adapt_decoder(built, built.weights.name)
    expected = logits(model, tmp_path / "before.onnx")
    makers = ChannelMakers(model.graph)
    # Attention and both halves of the MLP in each layer, and the head.
    assert all(makers.of(x) for x in makers.products)
    assert len(makers.products) == 4 * SHAPE["num_hidden_layers"] + 1
    before = {t.name: t.SerializeToString() for t in model.graph.initializer}
    smooth_activations(model, built.weights, tmp_path / "smoothed.data", [PROMPT])
    assert before != {t.name: t.SerializeToString() for t in model.graph.initializer}
    np.testing.assert_array_equal(logits(model, tmp_path / "after.onnx"), expected)


def test_no_float32_result_of_a_twin_changes(tmp_path: Path) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    base = build_decoder(checkpoint, BASE_FOLDER, "fp32", tmp_path)
    built = add_deltas(base, read_adapters(checkpoint), "fp32")
    model = adapt_decoder(built, built.weights.name)
    expected = [logits(single_model(model, role), tmp_path / "before.onnx") for role in MODEL_ROLES]
    makers = ChannelMakers(model.graph)
    known = [x for x in makers.products if makers.of(x)]
    # What adapters make of each activation has channels of its own.
    assert len(known) == 2 * 4 * SHAPE["num_hidden_layers"] + 1
    smooth_activations(model, built.weights, tmp_path / "smoothed.data", [PROMPT])
    for role, logits_before in zip(MODEL_ROLES, expected, strict=True):
        after = logits(single_model(model, role), tmp_path / "after.onnx")
        np.testing.assert_array_equal(after, logits_before)


def test_a_value_that_others_take_too_keeps_its_size() -> None:
    graph = onnx.parser.parse_graph(
        """g (float[1, 4] a) => (float[1, 4] y, float[1, 4] up)
        <float[4, 4] w = {0}, float[4, 4] v = {0}> {
            up = MatMul (a, w)
            x = Mul (a, up)
            y = MatMul (x, v)
        }""".replace("{0}", "{" + ", ".join(["1"] * 16) + "}")
    )
    assert ChannelMakers(graph).of("x") is not None
    graph.node.add(op_type="Abs", input=["up"], output=["other"])
    assert ChannelMakers(graph).of("x") is None
