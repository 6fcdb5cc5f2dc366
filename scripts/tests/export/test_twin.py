"""Twin export: two adapters on one base in one pass, with the distributions of two whole models."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto
from small_models import SHAPE, llama
from transformers import PreTrainedConfig, Qwen2Config, Qwen3Config
from twin_checkpoints import make_twin_checkpoint

from qsft.export.contract import Precision
from qsft.export.graph_runner import Array, Chunk, GraphRunner, policy_inputs
from qsft.export.options import ExportError
from qsft.export.paged_runner import open_runner
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options
from qsft.export.twin_deltas import LOW_RANK
from qsft.policy.extraction import PolicyParameters, step_weights

FAMILIES: dict[str, PreTrainedConfig] = {
    "llama tied": llama(tie_word_embeddings=True),
    "llama untied": llama(tie_word_embeddings=False),
    "qwen2": Qwen2Config(**SHAPE, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SHAPE, head_dim=32),
}
ELEMENTS = {"fp16": onnx.TensorProto.FLOAT16, "bf16": onnx.TensorProto.BFLOAT16}
TWIN = replace(tiny_options(), twin=True)


def names_in(node: NodeProto) -> set[str]:
    """What the node and those in its branches take."""
    branches = [attribute.g.node for attribute in node.attribute if attribute.HasField("g")]
    return set(node.input).union(*(names_in(inner) for nodes in branches for inner in nodes))


def run_once(folder: Path) -> dict[str, Array]:
    """Two prompts at once, all positions of the second scored."""
    runner = GraphRunner(folder / "step.onnx", slots=2, cache_length=32)
    extra = policy_inputs([step_weights(PolicyParameters("kl", 4.0))] * 5)
    chunks = [Chunk(0, [3, 9, 27, 4, 12]), Chunk(0, [5, 25, 8, 40, 2])]
    return runner.run(chunks, range(5, 10), extra)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_twin_gives_what_two_whole_models_give(family: str, tmp_path: Path) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", FAMILIES[family])
    whole = export_policy(checkpoint, tmp_path / "whole", tiny_options())
    twin = export_policy(checkpoint, tmp_path / "twin", TWIN)
    assert twin.verification.logits_difference < 1e-4
    assert twin.verification.schedule_difference < 1e-5
    expected = run_once(whole.folder)
    for name, actual in run_once(twin.folder).items():
        np.testing.assert_allclose(actual, expected[name], rtol=1e-4, atol=1e-4, err_msg=name)
    assert np.abs(expected["kl"]).max() > 1e-3  # the value model does say something else


@pytest.mark.parametrize(("precision", "largest_kl"), [("int8", 5e-3), ("int4", 0.1)])
def test_quantized_twins_are_near(precision: Precision, largest_kl: float, tmp_path: Path) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    options = replace(TWIN, precision=precision)
    report = export_policy(checkpoint, tmp_path / "twin", options)
    for kl in report.verification.kl.values():
        assert 0 < kl.mean < largest_kl


@pytest.mark.parametrize(("precision", "largest"), [("fp16", 0.02), ("bf16", 0.1)])
@pytest.mark.parametrize("block_size", [None, 16])
@pytest.mark.parametrize("family", FAMILIES)
def test_twins_for_cuda_give_what_pytorch_gives(
    family: str, block_size: int | None, precision: Precision, largest: float, tmp_path: Path
) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", FAMILIES[family])
    options = replace(TWIN, precision=precision, block_size=block_size)
    report = export_policy(checkpoint, tmp_path / "twin", options)
    assert report.verification.logits_difference < largest
    assert report.verification.schedule_difference < largest
    graph = onnx.load(report.folder / "step.onnx", load_external_data=False).graph
    adapters = {t.data_type for t in graph.initializer if t.name.startswith(LOW_RANK)}
    [past] = [value for value in graph.input if value.name == "value.past.1.key"]
    assert adapters == {past.type.tensor_type.elem_type} == {ELEMENTS[precision]}


def test_no_node_computes_with_sizes_and_no_branch_takes_one(tmp_path: Path) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    folder = export_policy(checkpoint, tmp_path / "twin", replace(TWIN, precision="fp16")).folder
    graph = onnx.load(folder / "step.onnx", load_external_data=False).graph
    sizes = {n for node in graph.node if node.op_type in ("Shape", "Size") for n in node.output}
    assert len(sizes) == 3
    takers = {node.op_type for node in graph.node if sizes.intersection(names_in(node))}
    assert takers == {"Slice", "ConstantOfShape"}


@pytest.mark.parametrize(
    ("precision", "operator"),
    [("fp32", "MatMul"), ("int8", "MatMulIntegerToFloat"), ("int4", "MatMulNBits")],
)
def test_a_twin_adds_a_product_for_each_activation_and_none_for_each_b(
    precision: Precision, operator: str, tmp_path: Path
) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    options = replace(TWIN, precision=precision)
    folder = export_policy(checkpoint, tmp_path / "twin", options).folder
    graph = onnx.load(folder / "behavior.onnx", load_external_data=False).graph
    operators = Counter(node.op_type for node in graph.node if node.op_type.startswith("MatMul"))
    layers, products, activations = 2, 5, 4  # gate and up take the same
    low_rank = "MatMul" if precision == "fp32" else "MatMulNBits"
    head = "MatMul" if precision == "fp32" else "MatMulIntegerToFloat"
    expected = Counter([operator] * layers * products + [low_rank] * layers * activations + [head])
    assert operators == expected  # in int4 the means come with what the adapters make


def test_a_four_bit_twin_may_adapt_one_of_two_products_with_one_input(tmp_path: Path) -> None:
    lora = {"target_modules": ["gate_proj"]}
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama(), **lora)
    report = export_policy(checkpoint, tmp_path / "twin", replace(TWIN, precision="int4"))
    for kl in report.verification.kl.values():
        assert 0 < kl.mean < 0.05


def test_a_step_reads_the_bases_weights_once(tmp_path: Path) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    folder = export_policy(checkpoint, tmp_path / "twin", TWIN).folder
    graph = onnx.load(folder / "step.onnx", load_external_data=False).graph
    operators = Counter(node.op_type for node in graph.node)
    assert operators["GroupQueryAttention"] == 2  # of the behavior model, a layer each
    # Whose tokens and which are scored; what the first adapter meets; the value model's attention
    # and the combination.
    assert operators["If"] == 2 + 3 + 2 + 1
    products, activations = 5 * 2, 4 * 2  # gate and up take the same
    assert operators["MatMul"] == products + activations + 1
    assert [file.name for file in folder.glob("*.data")] == ["twin.onnx.data"]
    assert "use_value" in {value.name for value in graph.input}
    alone = onnx.load(folder / "value.onnx", load_external_data=False).graph
    step = {tensor.name: list(tensor.external_data) for tensor in graph.initializer}
    for tensor in alone.initializer:
        if tensor.external_data:
            assert list(tensor.external_data) == step[tensor.name]


@pytest.mark.parametrize(
    ("precision", "block_size"),
    [("fp32", None), ("int8", None), ("int4", None), ("fp16", None), ("bf16", 16)],
)
def test_without_the_value_model_the_batch_is_the_behaviors_alone(
    precision: Precision, block_size: int | None, tmp_path: Path
) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    options = replace(TWIN, precision=precision, block_size=block_size)
    folder = export_policy(checkpoint, tmp_path / "twin", options).folder
    runner = open_runner(folder / "step.onnx", options, slots=2, cache_length=16)
    extra = policy_inputs([step_weights(PolicyParameters("behavior"))] * 3)
    chunks = [Chunk(0, [4, 10, 11]), Chunk(0, [4, 31, 8])]
    with_value = runner.run(chunks, [2, 4, 5], extra)
    for name, buffer in runner.caches.items():
        buffer.fill(np.nan if name.startswith("value") else 0)
    without = runner.run(chunks, [2, 4, 5], extra | {"use_value": np.array(False)})
    for name in ("scores", "behavior_logprobs", "log_normalizer"):
        np.testing.assert_allclose(without[name], with_value[name], rtol=1e-5, err_msg=name)
    assert (without["value_probs"] == 0).all()
    for name, buffer in runner.caches.items():
        assert np.isnan(buffer).all() == name.startswith("value"), name


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_below_the_adapters_runs_once_and_has_one_cache(
    family: str, tmp_path: Path
) -> None:
    upper = {"layers_to_transform": [1]}
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", FAMILIES[family], **upper)
    whole = export_policy(checkpoint, tmp_path / "whole", tiny_options())
    twin = export_policy(checkpoint, tmp_path / "twin", TWIN)
    expected = run_once(whole.folder)
    for name, actual in run_once(twin.folder).items():
        np.testing.assert_allclose(actual, expected[name], rtol=1e-4, atol=1e-4, err_msg=name)
    graph = onnx.load(twin.folder / "step.onnx", load_external_data=False).graph
    caches = [value.name for value in graph.input if value.name.endswith(".key")]
    assert caches == ["behavior.past.0.key", "behavior.past.1.key", "value.past.0.key"]
    manifest = json.loads((twin.folder / "policy.json").read_text())
    assert [manifest["kv_cache"][role]["layers"] for role in ("behavior", "value")] == [2, 1]


@pytest.mark.parametrize(
    ("precision", "block_size", "int8_cache"),
    [
        ("fp32", None, True),
        ("int8", None, False),
        ("int4", None, True),
        ("fp16", None, False),
        ("bf16", 16, False),
    ],
)
def test_adapters_on_the_last_layers_are_twins_in_every_form(
    precision: Precision, block_size: int | None, int8_cache: bool, tmp_path: Path
) -> None:
    upper = {"layers_to_transform": [1]}
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama(), **upper)
    options = replace(TWIN, precision=precision, block_size=block_size, int8_cache=int8_cache)
    report = export_policy(checkpoint, tmp_path / "twin", options)
    for kl in report.verification.kl.values():
        assert 0 < kl.mean < 0.05


def test_only_adapters_can_be_twins(tmp_path: Path) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    for role in ("behavior", "value"):
        (checkpoint / role / "adapter_config.json").rename(checkpoint / role / "config.json")
    (checkpoint / "base").rename(tmp_path / "base")
    with pytest.raises(ExportError, match="has no base/: only adapters"):
        export_policy(checkpoint, tmp_path / "twin", TWIN)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_rslora": True}, "behavior: the adapter sets use_rslora to True, not supported"),
        ({"target_modules": ["q_proj"]}, "k_proj of layer 0 has no adapter, but"),
    ],
)
def test_more_than_plain_lora_is_refused(
    settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama(), **settings)
    with pytest.raises(ExportError, match=message):
        export_policy(checkpoint, tmp_path / "twin", TWIN)
    assert not (tmp_path / "twin").exists()
