"""Composition: both models and their combination in one graph; and the combination alone."""

from collections.abc import Iterable
from typing import TypeVar

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from qsft.export.contract import LOGITS, SHARED_INPUTS, USE_VALUE, ModelRole
from qsft.export.options import ExportError

Named = TypeVar("Named", ValueInfoProto, TensorProto)


def compose_step(
    behavior: ModelProto, value: ModelProto, combination: GraphProto, behavior_alone: GraphProto
) -> ModelProto:
    """One run for both models, or for the behavior model alone where `use_value` is false.

    Their weights stay in the files that the two models name, and in the outer graph: ONNX Runtime
    then prepares each once. In either branch the value cache stays in place.
    """
    if _operator_sets(behavior) != _operator_sets(value):
        raise ExportError(
            f"behavior needs the operator sets {_operator_sets(behavior)},"
            f" value {_operator_sets(value)}; one graph can have only one"
        )
    behavior_graph = _namespaced(behavior.graph, "behavior")
    value_graph = _namespaced(value.graph, "value")
    graphs = (behavior_graph, value_graph, combination, behavior_alone)
    choice = choose_by_value(value_graph, combination, behavior_alone)
    step = helper.make_graph(
        name="step",
        nodes=[*behavior_graph.node, choice],
        inputs=[
            *_distinct(value for graph in graphs for value in graph.input if _is_outer(value)),
            helper.make_tensor_value_info(USE_VALUE, TensorProto.BOOL, []),
        ],
        outputs=_distinct(value for graph in graphs for value in graph.output if _is_outer(value)),
        initializer=_distinct(tensor for graph in graphs for tensor in graph.initializer),
    )
    return helper.make_model(
        step, opset_imports=behavior.opset_import, ir_version=behavior.ir_version
    )


def compose_combination(
    combination: GraphProto, behavior_alone: GraphProto, like: ModelProto
) -> ModelProto:
    """From both models' logits, or the behavior model's where `use_value` is false, to the outputs.

    For whoever runs the models side by side, a graph each. Rows do not depend on each other.
    """
    choice = choose_by_value(GraphProto(), combination, behavior_alone, "combination")
    graph = helper.make_graph(
        name="combination",
        nodes=[choice],
        inputs=[*combination.input, helper.make_tensor_value_info(USE_VALUE, TensorProto.BOOL, [])],
        outputs=combination.output,
        initializer=_distinct([*combination.initializer, *behavior_alone.initializer]),
    )
    return helper.make_model(graph, opset_imports=like.opset_import, ir_version=like.ir_version)


def choose_by_value(
    value: GraphProto, combination: GraphProto, behavior_alone: GraphProto, name: str = "value"
) -> NodeProto:
    """The value model and the combination with it, or neither."""
    cache = [output for output in value.output if _is_outer(output)]
    outputs = [*combination.output, *cache]
    # Past and present are one buffer: an Identity of it copies nothing.
    kept = [
        helper.make_node("Identity", [output.name.replace(".present.", ".past.")], [output.name])
        for output in cache
    ]
    return helper.make_node(
        "If",
        [USE_VALUE],
        [output.name for output in outputs],
        name,
        then_branch=helper.make_graph([*value.node, *combination.node], "with_value", [], outputs),
        else_branch=helper.make_graph([*behavior_alone.node, *kept], "without_value", [], outputs),
    )


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


def _is_outer(value: ValueInfoProto) -> bool:
    """Whether the value stays at the border: each model's logits go to the combination."""
    return not value.name.endswith(f"_{LOGITS}")


def _distinct(values: Iterable[Named]) -> list[Named]:
    return list({value.name: value for value in values}.values())


def _operator_sets(model: ModelProto) -> dict[str, int]:
    return {operators.domain: operators.version for operators in model.opset_import}
