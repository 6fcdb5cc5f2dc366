"""Composition: both models and their combination in one graph, `step.onnx`."""

from collections.abc import Iterable

import onnx
from onnx import GraphProto, ModelProto, helper

from qsft.export.contract import LOGITS, SHARED_INPUTS, ModelRole
from qsft.export.options import ExportError


def compose_step(behavior: ModelProto, value: ModelProto, combination: GraphProto) -> ModelProto:
    """One run for both models. Their weights stay in the files that the two models name."""
    if _operator_sets(behavior) != _operator_sets(value):
        raise ExportError(
            f"behavior needs the operator sets {_operator_sets(behavior)},"
            f" value {_operator_sets(value)}; one graph can have only one"
        )
    models = [_namespaced(behavior.graph, "behavior"), _namespaced(value.graph, "value")]
    graphs = [*models, combination]
    step = helper.make_graph(
        name="step",
        nodes=[node for graph in graphs for node in graph.node],
        inputs=_distinct(value for graph in graphs for value in graph.input if _is_outer(value)),
        outputs=[value for graph in graphs for value in graph.output if _is_outer(value)],
        initializer=[tensor for graph in graphs for tensor in graph.initializer],
    )
    model = helper.make_model(
        step, opset_imports=behavior.opset_import, ir_version=behavior.ir_version
    )
    return model


def _namespaced(source: GraphProto, role: ModelRole) -> GraphProto:
    """A copy in which every name but the shared inputs begins with the model's role."""
    graph = GraphProto()
    graph.CopyFrom(source)
    kept = {name: name for name in ("", *SHARED_INPUTS)} | {LOGITS: f"{role}_{LOGITS}"}
    for node in graph.node:
        node.name = f"{role}.{node.name}"
        node.input[:] = [kept.get(name, f"{role}.{name}") for name in node.input]
        node.output[:] = [kept.get(name, f"{role}.{name}") for name in node.output]
    for named in (*graph.input, *graph.output, *graph.initializer):
        named.name = kept.get(named.name, f"{role}.{named.name}")
    return graph


def _is_outer(value: onnx.ValueInfoProto) -> bool:
    """Whether the value stays at the border: each model's logits go to the combination."""
    return not value.name.endswith(f"_{LOGITS}")


def _distinct(values: Iterable[onnx.ValueInfoProto]) -> list[onnx.ValueInfoProto]:
    return list({value.name: value for value in values}.values())


def _operator_sets(model: ModelProto) -> dict[str, int]:
    return {operators.domain: operators.version for operators in model.opset_import}
