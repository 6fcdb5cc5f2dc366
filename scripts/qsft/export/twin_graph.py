"""One decoder that is two models: a batch of 2B rows, behavior's first, or one model's alone.

What comes before the first adapter is both models' and runs once, on B rows. Behind it every
activation has 2B, so the products with the base's weights serve both models at once. Only attention
is split, since each model has its own cache: the value model's begins at the first adapted layer.
Where `use_value` is false, the value model has no rows, and its cache stays as it is. Of a paged
cache the rows are tokens.

No node computes a size, and no branch takes one: for CUDA, ONNX Runtime would have such nodes run
on the CPU, where the server lets nothing be run. `Shape` is CUDA's own, and `Slice` and
`ConstantOfShape` take what it says as it is.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from qsft.export.contract import (
    INPUT_IDS,
    LOGITS,
    MODEL_ROLES,
    SCORE_INDEX,
    SHARED_INPUTS,
    USE_VALUE,
    ModelRole,
)
from qsft.export.step_graph import choose_by_value
from qsft.export.twin_deltas import TOKEN_MODEL, token_model
from qsft.export.twin_flow import Flow, element_type, is_attention, is_cache

ROWS, SCORED = "/twin/rows", "/twin/scored"  # [B], [N]: of either model
START, END = "/twin/start", "/twin/end"  # [0], and [the largest int64]


def single_model(decoder: ModelProto, role: ModelRole) -> ModelProto:
    """One of the two models alone: every token is its own."""
    model = ModelProto()
    model.CopyFrom(decoder)
    del model.graph.initializer[:]
    model.graph.initializer.extend([*_without_token_model(decoder), token_model(role)])
    return model


def compose_twin_step(
    decoder: ModelProto, flow: Flow, combination: GraphProto, behavior_alone: GraphProto
) -> ModelProto:
    """Both models in one pass over the base, and their combination; `flow` is the decoder's."""
    graph = decoder.graph
    behavior_logits, value_logits = (f"{role}_{LOGITS}" for role in MODEL_ROLES)
    caches = _caches(graph, flow)
    step = helper.make_graph(
        name="step",
        nodes=[
            *_doubled_inputs(),
            *_twinned(graph, flow),
            _up_to(SCORED, LOGITS, behavior_logits),
            _from(SCORED, LOGITS, value_logits),
            choose_by_value(GraphProto(), combination, behavior_alone),
        ],
        inputs=[
            *(value for value in graph.input if value.name in SHARED_INPUTS),
            *(value for value in caches if ".past." in value.name),
            *(
                value
                for value in combination.input
                if value.name not in (behavior_logits, value_logits)
            ),
            helper.make_tensor_value_info(USE_VALUE, TensorProto.BOOL, []),
        ],
        outputs=[
            *(value for value in caches if ".present." in value.name),
            *combination.output,
        ],
        initializer=[
            *_without_token_model(decoder),
            helper.make_tensor(START, TensorProto.INT64, [1], [0]),
            helper.make_tensor(END, TensorProto.INT64, [1], [np.iinfo(np.int64).max]),
            *{t.name: t for g in (combination, behavior_alone) for t in g.initializer}.values(),
        ],
        value_info=[
            part
            for node in graph.node
            if is_attention(node) and flow.is_own(node)
            for part in _parts(_of_both(node, flow), graph)
        ],
    )
    return helper.make_model(
        step, opset_imports=decoder.opset_import, ir_version=decoder.ir_version
    )


def _without_token_model(decoder: ModelProto) -> list[TensorProto]:
    return [tensor for tensor in decoder.graph.initializer if tensor.name != TOKEN_MODEL]


def _caches(graph: GraphProto, flow: Flow) -> list[ValueInfoProto]:
    """The behavior model's of all layers, the value model's of those that are its own."""
    own = {name for node in graph.node if flow.is_own(node) for name in (*node.input, *node.output)}
    caches: list[ValueInfoProto] = []
    for role in MODEL_ROLES:
        for value in (*graph.input, *graph.output):
            if is_cache(value.name) and (role == "behavior" or value.name in own):
                cache = ValueInfoProto()
                cache.CopyFrom(value)
                cache.name = flow.cache_of(role, value.name)
                caches.append(cache)
    return caches


def _doubled_inputs() -> list[NodeProto]:
    """Whose each token is; and what is scored, the value model's behind the behavior's."""
    size, value_index = "/twin/size", "/twin/value_index"
    shifted = [
        helper.make_node("Size", [INPUT_IDS], [size], "/twin/Size"),
        helper.make_node("Add", [SCORE_INDEX, size], [value_index], "/twin/ValueIndex"),
    ]
    shape, (behavior, value) = "/twin/shape", (f"{TOKEN_MODEL}/{role}" for role in MODEL_ROLES)
    return [
        helper.make_node("Shape", [INPUT_IDS], [ROWS], "/twin/Rows", start=0, end=1),
        helper.make_node("Shape", [SCORE_INDEX], [SCORED], "/twin/Scored"),
        helper.make_node("Shape", [INPUT_IDS], [shape], "/twin/Shape"),
        _constant(shape, 0, behavior),
        _constant(shape, 1, value),
        _both(TOKEN_MODEL, behavior, [], value, TensorProto.INT64),
        _both(_doubled(SCORE_INDEX), SCORE_INDEX, shifted, value_index, TensorProto.INT64),
    ]


def _twinned(graph: GraphProto, flow: Flow) -> Iterator[NodeProto]:
    """What is both models' once; what is each model's own on both models' rows."""
    doubled = {SCORE_INDEX}
    for node in graph.node:
        if not flow.is_own(node):
            yield _of_behavior(node, flow)
            continue
        for name in flow.shared_by(node):
            if name not in doubled:
                doubled.add(name)
                yield _both(_doubled(name), name, [], name, element_type(graph, name))
        own = _of_both(node, flow)
        if is_attention(node):
            yield from _attention_of_each(own, flow, element_type(graph, own.input[3]))
        else:
            yield own


def _doubled(name: str) -> str:
    return f"{name}/both"


def _of_behavior(node: NodeProto, flow: Flow) -> NodeProto:
    """As it is. Where it is attention, what it keeps is the behavior model's."""
    shared = NodeProto()
    shared.CopyFrom(node)
    for names in (shared.input, shared.output):
        names[:] = [flow.cache_of("behavior", name) if is_cache(name) else name for name in names]
    return shared


def _of_both(node: NodeProto, flow: Flow) -> NodeProto:
    """On the rows of both models, where it takes what they share."""
    shared = flow.shared_by(node)
    both = NodeProto()
    both.CopyFrom(node)
    both.input[:] = [_doubled(name) if name in shared else name for name in node.input]
    return both


def _attention_of_each(node: NodeProto, flow: Flow, element: int) -> list[NodeProto]:
    """Each model's rows attend to its own cache."""
    (both,) = node.output[:1]
    taken = [name for name in node.input[:3] if name]  # query, key, value, or all in the first
    behavior, value = (_attention(node, flow, role) for role in MODEL_ROLES)
    return [
        *(_up_to(ROWS, name, f"{name}/behavior") for name in taken),
        *(_from(ROWS, name, f"{name}/value") for name in taken),
        behavior,
        _both(
            both,
            behavior.output[0],
            [value],
            value.output[0],
            element,
            caches=list(zip(value.input[3:5], value.output[1:], strict=True)),
        ),
    ]


def _parts(node: NodeProto, graph: GraphProto) -> list[ValueInfoProto]:
    """How wide either model's queries, keys and values are: behind a `Slice` nothing infers it."""
    inputs = {value.name: value.type.tensor_type for value in graph.input}
    cache = inputs[node.input[3]]
    heads = {attribute.name: attribute.i for attribute in node.attribute}
    queries, keys = heads["num_heads"], heads["kv_num_heads"]
    counts = [queries, keys, keys] if node.input[1] else [queries + 2 * keys]
    tokens = [None for _ in inputs[INPUT_IDS].shape.dim]
    return [
        helper.make_tensor_value_info(
            f"{name}/{role}", cache.elem_type, [*tokens, count * cache.shape.dim[-1].dim_value]
        )
        for name, count in zip(node.input, counts, strict=False)
        for role in MODEL_ROLES
    ]


def _attention(node: NodeProto, flow: Flow, role: ModelRole) -> NodeProto:
    """Of one model, over its own rows."""
    own = NodeProto()
    own.CopyFrom(node)
    own.name = f"{role}.{node.name}"
    own.input[:3] = [name and f"{name}/{role}" for name in node.input[:3]]
    own.input[3:5] = [flow.cache_of(role, name) for name in node.input[3:5]]
    caches = [flow.cache_of(role, name) for name in node.output[1:]]
    own.output[:] = [f"{node.output[0]}/{role}", *caches]
    return own


def _both(
    name: str,
    behavior: str,
    value_nodes: Sequence[NodeProto],
    value: str,
    element: int,
    caches: Sequence[tuple[str, str]] = (),
) -> NodeProto:
    """`value`'s rows behind `behavior`'s, or `behavior` alone where the value model has none.

    `value_nodes` make `value` and run only where it is used; `caches` are what they read and what
    they write.
    """
    join = helper.make_node("Concat", [behavior, value], [name], f"{name}/Concat", axis=0)
    alone = helper.make_node("Identity", [behavior], [name], f"{name}/Alone")
    # Past and present are one buffer: an Identity of it copies nothing.
    kept = [
        helper.make_node("Identity", [past], [present], f"{present}/Kept")
        for past, present in caches
    ]
    names = [name, *(present for _, present in caches)]
    outputs = [helper.make_tensor_value_info(output, element, None) for output in names]
    return helper.make_node(
        "If",
        [USE_VALUE],
        names,
        f"{name}/If",
        then_branch=helper.make_graph([*value_nodes, join], "with_value", [], outputs),
        else_branch=helper.make_graph([alone, *kept], "without_value", [], outputs),
    )


def _up_to(count: str, name: str, part: str) -> NodeProto:
    """The behavior model's rows."""
    return helper.make_node("Slice", [name, START, count, START], [part], f"{part}/Slice")


def _from(count: str, name: str, part: str) -> NodeProto:
    """The value model's rows."""
    return helper.make_node("Slice", [name, count, END, START], [part], f"{part}/Slice")


def _constant(shape: str, value: int, name: str) -> NodeProto:
    filling = helper.make_tensor("value", TensorProto.INT64, [1], [value])
    return helper.make_node("ConstantOfShape", [shape], [name], f"{name}/Fill", value=filling)
