"""Precision int8: near fp32, and the same bits for a row whatever else is in its batch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession
from small_models import SHAPE, MakeCheckpoint, llama
from transformers import AutoModelForCausalLM, PreTrainedConfig, Qwen2Config, Qwen3Config

from qsft.export.graph_runner import Array, Chunk, GraphRunner, policy_inputs
from qsft.export.integer_matmul import quantize_products, quantize_weight
from qsft.export.options import ExportOptions
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options
from qsft.policy.extraction import PolicyParameters, step_weights

MODELS: dict[str, PreTrainedConfig] = {
    "llama tied": llama(tie_word_embeddings=True),
    "llama untied": llama(tie_word_embeddings=False),
    "qwen2, whose queries, keys and values have biases": Qwen2Config(
        **SHAPE, tie_word_embeddings=True
    ),
    "qwen3, which normalizes queries and keys": Qwen3Config(**SHAPE, head_dim=32),
}
ROWS = 5
PROMPT = [3, 14, 15, 9, 26, 5, 35, 8]


def int8_options() -> ExportOptions:
    return replace(tiny_options(), precision="int8")


def decode(folder: Path, others: Callable[[int], list[int]], rows: int) -> dict[str, Array]:
    """Prefill in a batch, decode in a batch; what the first row gives."""
    runner = GraphRunner(folder / "step.onnx", slots=rows, cache_length=32)
    extra = policy_inputs([step_weights(PolicyParameters("kl", 64.0, "ratio"))] * rows)
    prompts = [PROMPT, *(others(row) for row in range(1, rows))]
    width = len(PROMPT)
    last = [row * width + width - 1 for row in range(rows)]
    runner.run([Chunk(0, prompt) for prompt in prompts], last, extra)
    chunks = [Chunk(width, [prompt[0]]) for prompt in prompts]
    outputs = runner.run(chunks, range(rows), extra)
    return {name: values[0] for name, values in outputs.items()}


@pytest.mark.parametrize("model", MODELS)
def test_int8_is_near_fp32(model: str, make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    report = export_policy(make_checkpoint(MODELS[model]), tmp_path / "out", int8_options())
    for kl in report.verification.kl.values():
        assert 0 < kl.mean < 5e-3


def test_a_row_of_a_batch_is_bit_for_bit_the_row_alone(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    export_policy(make_checkpoint(llama()), tmp_path / "out", int8_options())
    alone = decode(tmp_path / "out", lambda _: [], rows=1)
    in_batch = decode(tmp_path / "out", lambda row: [row * 7 + i for i in range(8)], ROWS)
    other_batch = decode(tmp_path / "out", lambda row: [57 - row] * 8, ROWS)
    for name, values in alone.items():
        assert np.array_equal(values, in_batch[name]), name
        assert np.array_equal(values, other_batch[name]), name


def test_rows_of_zeros_give_zeros_and_no_nan(tmp_path: Path) -> None:
    product = product_graph(tmp_path, rows=3)
    x = np.zeros((1, 3, 8), np.float32)
    x[0, 1] = np.arange(8)
    result = product(x)
    assert not result[0, [0, 2]].any()
    assert np.isfinite(result).all()


def test_the_largest_and_smallest_rows_keep_their_scale(tmp_path: Path) -> None:
    product = product_graph(tmp_path, rows=2)
    x = np.ones((1, 2, 8), np.float32) * np.array([1e-6, 1e6], np.float32)[None, :, None]
    result = product(x)
    np.testing.assert_allclose(result[0, 1] / 1e12, result[0, 0], rtol=1e-5)


def test_a_column_of_zeros_is_quantized_to_zeros() -> None:
    weight = np.zeros((4, 2), np.float32)
    weight[:, 1] = [1, -2, 3, -4]
    quantized = quantize_weight(weight)
    assert not quantized.values[:, 0].any()
    assert quantized.values[:, 1].min() == -127
    np.testing.assert_allclose(quantized.values * quantized.scales, weight, atol=4 / 127)


def test_gate_and_up_share_one_quantized_input(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    export_policy(make_checkpoint(llama()), tmp_path / "out", int8_options())
    graph = onnx.load(tmp_path / "out" / "behavior.onnx", load_external_data=False).graph
    products = [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    inputs = {node.input[0] for node in products}
    layers = SHAPE["num_hidden_layers"]
    assert len(products) == 5 * layers + 1
    assert len(inputs) == 4 * layers + 1
    assert not [node for node in graph.node if node.op_type == "MatMul"]


@pytest.mark.parametrize("tied", [True, False])
def test_no_weight_takes_more_than_a_byte_and_tied_ones_are_stored_once(
    tied: bool, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(llama(tie_word_embeddings=tied))
    report = export_policy(checkpoint, tmp_path / "out", int8_options())
    model = AutoModelForCausalLM.from_pretrained(checkpoint / "behavior")
    weights = sum(p.numel() for p in model.parameters() if p.dim() == 2)
    stored = (report.folder / "behavior.onnx.data").stat().st_size
    assert stored < 1.5 * weights  # bytes; the rest are scales, norms and rotary tables


def test_a_second_digit_makes_activations_all_but_exact(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 8)).astype(np.float32)
    x[0, :, 2] *= 100  # an outlier, beside which one digit is coarse
    one, two = (product_graph(tmp_path, 3, fine)(x) for fine in ((), ("",)))
    weight = quantize_weight(product_weight())
    exact = x @ (weight.values * weight.scales)
    assert np.abs(one - exact).max() > 0.1
    assert np.abs(two - exact).max() < 0.01


def product_weight() -> np.ndarray:
    weight: np.ndarray = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)).numpy()
    return weight


def product_graph(
    folder: Path, rows: int, fine: tuple[str, ...] = ()
) -> Callable[[np.ndarray], np.ndarray]:
    """One product alone, rewritten as the export rewrites a decoder's."""
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 22, "com.microsoft" : 1]>
        product (int64[1, S] input_ids, float[1, S, 8] x, int64[N] score_index)
            => (float[1, S, 4] y) { y = MatMul (x, weight) }"""
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(product_weight(), "weight"))
    quantize_products(model, folder / "none", folder / "weights.data", fine=fine)
    onnx.save(model, folder / "product.onnx")
    session = InferenceSession(str(folder / "product.onnx"), providers=["CPUExecutionProvider"])
    ids = np.zeros((1, rows), np.int64)
    given = {value.name for value in session.get_inputs()}
    index = {"score_index": np.zeros(1, np.int64)}

    def run(x: np.ndarray) -> np.ndarray:
        feeds = {"input_ids": ids, "x": x, **index}
        result: np.ndarray = session.run(None, {k: v for k, v in feeds.items() if k in given})[0]
        return result

    return run
