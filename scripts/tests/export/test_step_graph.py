"""The stored step graph: its interface, its operators and that it shares its weights."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from qsft.export.combine_graph import add_run_masses, combine_behavior_graph, combine_graph
from qsft.export.differences import largest_difference, outputs_of
from qsft.export.graph_runner import Chunk, GraphRunner, policy_inputs
from qsft.export.step_graph import compose_combination
from qsft.policy.extraction import PolicyParameters, extract, step_weights

SHARED_INPUTS = {
    "input_ids": (TensorProto.INT64, ["batch", "sequence"]),
    "seqlens_k": (TensorProto.INT32, ["batch"]),
    "total_sequence_length": (TensorProto.INT32, []),
    "score_index": (TensorProto.INT64, ["scored"]),
}
WEIGHTS = {name: (TensorProto.FLOAT, ["scored"]) for name in ("beta", "behavior_weight", "ratio")}
USE_VALUE = {"use_value": (TensorProto.BOOL, [])}
POLICY_OUTPUTS = {
    "scores": (TensorProto.FLOAT, ["scored", 58]),
    "behavior_logprobs": (TensorProto.FLOAT, ["scored", 58]),
    "value_probs": (TensorProto.FLOAT, ["scored", 58]),
    "log_normalizer": (TensorProto.FLOAT, ["scored"]),
    "kl": (TensorProto.FLOAT, ["scored"]),
    "argmax": (TensorProto.INT64, ["scored"]),
}

Interface = dict[str, tuple[int, list[str | int]]]


def cache(prefix: str) -> Interface:
    shape: list[str | int] = ["batch", 1, "cache_length", 16]
    names = [f"{prefix}.{layer}.{part}" for layer in (0, 1) for part in ("key", "value")]
    return {name: (TensorProto.FLOAT, shape) for name in names}


def interface(values: list[onnx.ValueInfoProto]) -> Interface:
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


def load(folder: Path, name: str) -> onnx.GraphProto:
    return onnx.load(folder / name, load_external_data=False).graph


def test_the_step_graph_has_the_contracts_inputs_and_outputs(tiny_policy: Path) -> None:
    graph = load(tiny_policy, "step.onnx")
    caches = cache("behavior.past") | cache("value.past")
    assert interface(graph.input) == SHARED_INPUTS | WEIGHTS | USE_VALUE | caches
    caches = cache("behavior.present") | cache("value.present")
    assert interface(graph.output) == POLICY_OUTPUTS | caches


@pytest.mark.parametrize("role", ["behavior", "value"])
def test_each_model_stands_alone(role: str, tiny_policy: Path) -> None:
    graph = load(tiny_policy, f"{role}.onnx")
    assert interface(graph.input) == SHARED_INPUTS | cache("past")
    logits = {"logits": (TensorProto.FLOAT, ["scored", 58])}
    assert interface(graph.output) == logits | cache("present")


def test_the_combination_stands_alone_for_models_that_run_side_by_side(tiny_policy: Path) -> None:
    graph = load(tiny_policy, "combination.onnx")
    logits = {
        f"{role}_logits": (TensorProto.FLOAT, ["scored", 58]) for role in ("behavior", "value")
    }
    assert interface(graph.input) == logits | WEIGHTS | USE_VALUE
    assert interface(graph.output) == POLICY_OUTPUTS


def test_the_combination_alone_gives_the_steps_bits(tiny_policy: Path) -> None:
    chunks = [Chunk(0, [4, 10, 11]), Chunk(0, [4, 31, 8])]
    for beta, uses_value in ((4.0, True), (0.0, False)):
        extra = policy_inputs([step_weights(PolicyParameters("kl", beta))] * 2)
        extra |= {"use_value": np.array(uses_value)}
        step = GraphRunner(tiny_policy / "step.onnx", slots=2, cache_length=16)
        expected = step.run(chunks, [2, 5], extra)
        logits = {
            f"{role}_logits": GraphRunner(tiny_policy / f"{role}.onnx", 2, 16).run(
                chunks, [2, 5], {}
            )["logits"]
            for role in ("behavior", "value")
        }
        session = InferenceSession(
            tiny_policy / "combination.onnx", providers=["CPUExecutionProvider"]
        )
        actual = dict(zip(expected, session.run(list(expected), logits | extra), strict=True))
        for name, values in expected.items():
            assert np.array_equal(actual[name], values), (name, beta)


@pytest.mark.parametrize("uses_value", [True, False])
def test_the_combination_alone_sums_the_policy_by_runs(uses_value: bool, tiny_policy: Path) -> None:
    like = onnx.load(tiny_policy / "behavior.onnx", load_external_data=False)
    combination, alone = combine_graph(192, (0, 7), 1e-3), combine_behavior_graph(192, (0, 7))
    for graph in (combination, alone):
        add_run_masses(graph)
    model = compose_combination(combination, alone, like)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    parameters = PolicyParameters("kl", 8.0) if uses_value else PolicyParameters("behavior")
    feeds = {
        "behavior_logits": generator.normal(size=(3, 192)).astype(np.float32),
        "value_logits": generator.normal(size=(3, 192)).astype(np.float32),
        **policy_inputs([step_weights(parameters)] * 3),
        "use_value": np.array(uses_value),
    }
    scores, masses = session.run(["scores", "run_masses"], feeds)
    policy = torch.from_numpy(scores).double().softmax(-1).reshape(3, 3, 64).sum(-1)
    assert np.abs(masses - policy.numpy()).max() < 1e-6


def test_a_vocabulary_that_ends_within_a_run_has_no_sums() -> None:
    graph = combine_graph(58, (), 1e-3)
    add_run_masses(graph)
    assert "run_masses" not in [output.name for output in graph.output]


def test_the_fused_operators_are_kept(tiny_policy: Path) -> None:
    step = load(tiny_policy, "step.onnx")
    choice = next(node for node in step.node if node.op_type == "If")
    with_value = next(a.g for a in choice.attribute if a.name == "then_branch")
    operators = Counter(node.op_type for node in (*step.node, *with_value.node))
    layers = 2 * 2  # of both models
    assert operators["GroupQueryAttention"] == layers
    assert operators["SkipSimplifiedLayerNormalization"] == 2 * layers
    assert operators["SimplifiedLayerNormalization"] == 2
    projections_of_a_layer = 5  # query, key and value are one
    assert operators["MatMul"] == projections_of_a_layer * layers + 2


def test_weights_are_on_disk_once(tiny_policy: Path) -> None:
    step = load(tiny_policy, "step.onnx")
    for role in ("behavior", "value"):
        own = load(tiny_policy, f"{role}.onnx").initializer
        alone = {tensor.name: list(tensor.external_data) for tensor in own}
        shared = {
            tensor.name.removeprefix(f"{role}."): list(tensor.external_data)
            for tensor in step.initializer
            if tensor.name.startswith(f"{role}.")
        }
        assert shared == alone
        assert all(data[0].value == f"{role}.onnx.data" for data in alone.values())


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_combination_is_the_references(scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [
        step_weights(PolicyParameters(extraction, beta, q))
        for extraction in ("kl", "entropy", "greedy", "behavior")
        for beta in (0.0, 1.0, 64.0)
        for q in ("probability", "ratio")
    ]
    behavior, value = (
        torch.randn(len(weights), 300, generator=generator) * scale for _ in range(2)
    )
    graph = combine_graph(300, (0, 7), 1e-3)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feeds = {
        "behavior_logits": behavior.numpy(),
        "value_logits": value.numpy(),
        **policy_inputs(weights),
    }
    actual = dict(zip(names, session.run(names, feeds), strict=True))
    expected = extract(behavior, value, weights, (0, 7), 1e-3)
    assert largest_difference(actual, outputs_of(expected)) < 1e-5
    assert actual["argmax"].tolist() == expected.argmax.tolist()
    assert (actual["scores"][:, [0, 7]] == np.finfo(np.float32).min).all()


def test_without_the_value_model_a_step_is_bit_for_bit_that_of_beta_zero(
    tiny_policy: Path,
) -> None:
    runner = GraphRunner(tiny_policy / "step.onnx", slots=2, cache_length=16)
    behavior = step_weights(PolicyParameters("behavior"))
    columns = policy_inputs([behavior] * 2)
    chunks = [Chunk(0, [4, 10, 11]), Chunk(0, [4, 31, 8])]
    with_value = runner.run(chunks, [2, 5], columns)
    cache = {name: buffer.copy() for name, buffer in runner.caches.items()}
    without = runner.run(chunks, [2, 5], columns | {"use_value": np.array(False)})
    for name in ("scores", "behavior_logprobs", "log_normalizer", "argmax"):
        assert np.array_equal(without[name], with_value[name]), name
    assert (without["value_probs"] == 0).all()
    assert (without["kl"] == 0).all()
    for name, buffer in runner.caches.items():
        assert np.array_equal(buffer, cache[name]), name


def test_without_the_value_model_its_cache_stays_and_does_no_harm(tiny_policy: Path) -> None:
    runner = GraphRunner(tiny_policy / "step.onnx", slots=1, cache_length=16)
    for name, buffer in runner.caches.items():
        buffer.fill(np.nan if name.startswith("value") else 0)
    extra = policy_inputs([step_weights(PolicyParameters("behavior", q="ratio"))])
    idle = extra | {"use_value": np.array(False)}
    runner.run([Chunk(0, [4])], [0], idle)
    for name, buffer in runner.caches.items():
        assert np.isnan(buffer).all() == name.startswith("value"), name
    alone = runner.run([Chunk(1, [10])], [0], idle)
    # In a batch with rows that do need the value model.
    mixed = runner.run([Chunk(1, [10])], [0], extra)
    assert np.isnan(mixed["value_probs"]).any()
    assert np.array_equal(mixed["scores"], alone["scores"])
