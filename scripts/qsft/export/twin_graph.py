"""One decoder that is two models: a batch of 2B rows, behavior's first, or one model's alone.

Doubling `input_ids` at the graph's door doubles every activation, so the products with the base's
weights serve both models at once. Only attention is split, since each model has its own cache.
Where `use_value` is false, the value model has no rows, and its cache stays as it is.
"""

from collections.abc import Collection
from typing import TypeVar

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from qsft.export.contract import (
    INPUT_IDS,
    LOGITS,
    MODEL_ROLES,
    SCORE_INDEX,
    SEQLENS_K,
    SHARED_INPUTS,
    USE_VALUE,
    ModelRole,
)
from qsft.export.step_graph import choose_by_value
from qsft.export.twin_deltas import Ranks

BOTH_IDS, BOTH_SCORE_INDEX = "/twin/input_ids", "/twin/score_index"  # (2B, S), (2N,)
ONES, ZERO = "/twin/ones", "/twin/zero"  # [1, 1], [0]
# How many are whose, behavior's and value's: [B, B] rows and [N, N] scored, or [B, 0] and [N, 0].
ROWS, SCORED = "/twin/rows", "/twin/scored"

Named = TypeVar("Named", TensorProto, ValueInfoProto)


def single_model(decoder: ModelProto, masks: Collection[Ranks], role: ModelRole) -> ModelProto:
    """One of the two models alone: its own half of every mask, a constant."""
    model = ModelProto()
    model.CopyFrom(decoder)
    _replace_initializers(
        model.graph, _without_masks(decoder, masks) + [ranks.constant(role) for ranks in masks]
    )
    return model


def compose_twin_step(
    decoder: ModelProto,
    masks: Collection[Ranks],
    combination: GraphProto,
    behavior_alone: GraphProto,
) -> ModelProto:
    """Both models in one pass over the base, and their combination."""
    graph = decoder.graph
    logits = [f"{role}_{LOGITS}" for role in MODEL_ROLES]
    caches = [
        _prefixed(value, role)
        for role in MODEL_ROLES
        for value in (*graph.input, *graph.output)
        if _is_cache(value.name)
    ]
    step = helper.make_graph(
        name="step",
        nodes=[
            *_doubled_inputs(),
            *(node for ranks in masks for node in _mask_of_rows(ranks)),
            *(node for old in graph.node for node in _twinned(old)),
            _split(LOGITS, SCORED, logits, "/twin/SplitLogits"),
            choose_by_value(GraphProto(), combination, behavior_alone),
        ],
        inputs=[
            *(value for value in graph.input if value.name in SHARED_INPUTS),
            *(value for value in caches if ".past." in value.name),
            *(value for value in combination.input if value.name not in logits),
            helper.make_tensor_value_info(USE_VALUE, TensorProto.BOOL, []),
        ],
        outputs=[
            *(value for value in caches if ".present." in value.name),
            *combination.output,
        ],
        initializer=[
            *_without_masks(decoder, masks),
            helper.make_tensor(ONES, TensorProto.INT64, [2], [1, 1]),
            helper.make_tensor(ZERO, TensorProto.INT64, [1], [0]),
            *(_prefixed(ranks.constant(role), role) for ranks in masks for role in MODEL_ROLES),
            *{t.name: t for g in (combination, behavior_alone) for t in g.initializer}.values(),
        ],
    )
    return helper.make_model(
        step, opset_imports=decoder.opset_import, ir_version=decoder.ir_version
    )


def _without_masks(decoder: ModelProto, masks: Collection[Ranks]) -> list[TensorProto]:
    names = {ranks.mask for ranks in masks}
    return [tensor for tensor in decoder.graph.initializer if tensor.name not in names]


def _replace_initializers(graph: GraphProto, initializers: list[TensorProto]) -> None:
    del graph.initializer[:]
    graph.initializer.extend(initializers)


def _is_cache(name: str) -> bool:
    return name.startswith(("past.", "present."))


def _prefixed(named: Named, role: ModelRole) -> Named:
    """A copy under the name that one model's own things have in the step graph."""
    copy = type(named)()
    copy.CopyFrom(named)
    copy.name = f"{role}.{named.name}"
    return copy


def _doubled_inputs() -> list[NodeProto]:
    """The same ids for both models; the value model's positions begin behind the behavior's."""
    return [
        *_counted(SEQLENS_K, ROWS),
        *_counted(SCORE_INDEX, SCORED),
        *_followed_by_value(INPUT_IDS, INPUT_IDS, ROWS, BOTH_IDS),
        helper.make_node("Size", [INPUT_IDS], ["/twin/size"], "/twin/Size"),
        helper.make_node(
            "Add", [SCORE_INDEX, "/twin/size"], ["/twin/value_index"], "/twin/ValueIndex"
        ),
        *_followed_by_value(SCORE_INDEX, "/twin/value_index", SCORED, BOTH_SCORE_INDEX),
    ]


def _counted(name: str, counts: str) -> list[NodeProto]:
    """The length of a vector, and as much again or nothing for the value model."""
    own = [_count(counts, role) for role in MODEL_ROLES]
    return [
        helper.make_node("Shape", [name], [own[0]], f"{counts}/Shape"),
        helper.make_node("Where", [USE_VALUE, own[0], ZERO], [own[1]], f"{counts}/Where"),
        helper.make_node("Concat", own, [counts], f"{counts}/Concat", axis=0),
    ]


def _count(counts: str, role: ModelRole) -> str:
    return f"{counts}/{role}"


def _followed_by_value(behavior: str, value: str, counts: str, both: str) -> list[NodeProto]:
    used = f"{both}/value"
    ends = _count(counts, "value")
    return [
        helper.make_node("Slice", [value, ZERO, ends, ZERO], [used], f"{both}/Slice"),
        helper.make_node("Concat", [behavior, used], [both], f"{both}/Concat", axis=0),
    ]


def _mask_of_rows(ranks: Ranks) -> list[NodeProto]:
    """Behavior's mask for its rows, then value's for its."""
    nodes: list[NodeProto] = []
    halves = [f"{ranks.mask}/{role}" for role in MODEL_ROLES]
    for role, half in zip(MODEL_ROLES, halves, strict=True):
        shape = f"{half}/shape"
        count = [_count(ROWS, role), ONES]
        nodes += [
            helper.make_node("Concat", count, [shape], f"{half}/Shape", axis=0),
            helper.make_node("Expand", [f"{role}.{ranks.mask}", shape], [half], f"{half}/Expand"),
        ]
    join = helper.make_node("Concat", halves, [ranks.mask], f"{ranks.mask}/Concat", axis=0)
    return [*nodes, join]


def _twinned(node: NodeProto) -> list[NodeProto]:
    """Attention once for each model; everything else once, on the doubled inputs."""
    if node.op_type == "GroupQueryAttention":
        return _attention_of_each(node)
    doubled = {INPUT_IDS: BOTH_IDS, SCORE_INDEX: BOTH_SCORE_INDEX}
    renamed = NodeProto()
    renamed.CopyFrom(node)
    renamed.input[:] = [doubled.get(name, name) for name in node.input]
    return [renamed]


def _attention_of_each(node: NodeProto) -> list[NodeProto]:
    """Each model's rows attend to its own cache: split, two nodes, and one batch again."""
    split: list[NodeProto] = []
    inputs = {role: [_own(name, role) for name in node.input] for role in MODEL_ROLES}
    for position, name in enumerate(node.input[:3]):  # query, key, value, or all in the first
        if name:
            halves = [f"{name}/{role}" for role in MODEL_ROLES]
            split.append(_split(name, ROWS, halves, f"{node.name}/Split{position}"))
            for role, half in zip(MODEL_ROLES, halves, strict=True):
                inputs[role][position] = half
    attentions: list[NodeProto] = []
    for role in MODEL_ROLES:
        own = NodeProto()
        own.CopyFrom(node)
        own.name = f"{role}.{node.name}"
        own.input[:] = inputs[role]
        own.output[:] = [f"{node.output[0]}/{role}", *(_own(n, role) for n in node.output[1:])]
        attentions.append(own)
    behavior, value = attentions
    attended = [own.output[0] for own in attentions]
    join = helper.make_node("Concat", attended, [node.output[0]], f"{node.name}/Concat", axis=0)
    return [*split, behavior, _attention_or_nothing(value, attended[0]), join]


def _attention_or_nothing(attention: NodeProto, attended: str) -> NodeProto:
    """The value model's attention; without rows of its own none of the behavior's `attended`."""
    nothing = helper.make_node(
        "Slice", [attended, ZERO, ZERO, ZERO], attention.output[:1], f"{attention.name}/Nothing"
    )
    # Past and present are one buffer: an Identity of it copies nothing.
    kept = [
        helper.make_node("Identity", [past], [present], f"{present}/Kept")
        for past, present in zip(attention.input[3:5], attention.output[1:], strict=True)
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in attention.output
    ]
    return helper.make_node(
        "If",
        [USE_VALUE],
        list(attention.output),
        f"{attention.name}/If",
        then_branch=helper.make_graph([attention], "with_value", [], outputs),
        else_branch=helper.make_graph([nothing, *kept], "without_value", [], outputs),
    )


def _own(name: str, role: ModelRole) -> str:
    return f"{role}.{name}" if _is_cache(name) else name


def _split(name: str, counts: str, halves: list[str], node_name: str) -> NodeProto:
    return helper.make_node("Split", [name, counts], halves, node_name, axis=0)
