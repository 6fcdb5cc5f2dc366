"""One decoder that is two models: a batch of 2B rows, behavior's first, or one model's alone.

Doubling `input_ids` at the graph's door doubles every activation, so the products with the base's
weights serve both models at once. Only attention is split, since each model has its own cache.
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
from qsft.export.twin_deltas import Ranks

BOTH_IDS, BOTH_SCORE_INDEX = "/twin/input_ids", "/twin/score_index"  # (2B, S), (2N,)
ONES, ROWS = "/twin/ones", "/twin/rows"  # [1, 1], [B, 1, 1]

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
    decoder: ModelProto, masks: Collection[Ranks], combination: GraphProto
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
            _split(LOGITS, logits, "/twin/SplitLogits"),
            *combination.node,
        ],
        inputs=[
            *(value for value in graph.input if value.name in SHARED_INPUTS),
            *(value for value in caches if ".past." in value.name),
            *(value for value in combination.input if value.name not in logits),
            # Without effect: the value model's rows cost little beside the base's weights.
            helper.make_tensor_value_info(USE_VALUE, TensorProto.BOOL, []),
        ],
        outputs=[
            *(value for value in caches if ".present." in value.name),
            *combination.output,
        ],
        initializer=[
            *_without_masks(decoder, masks),
            helper.make_tensor(ONES, TensorProto.INT64, [2], [1, 1]),
            *(_prefixed(ranks.constant(role), role) for ranks in masks for role in MODEL_ROLES),
            *combination.initializer,
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
        helper.make_node("Concat", [INPUT_IDS] * 2, [BOTH_IDS], "/twin/Ids", axis=0),
        helper.make_node("Size", [INPUT_IDS], ["/twin/size"], "/twin/Size"),
        helper.make_node(
            "Add", [SCORE_INDEX, "/twin/size"], ["/twin/value_index"], "/twin/ValueIndex"
        ),
        helper.make_node(
            "Concat",
            [SCORE_INDEX, "/twin/value_index"],
            [BOTH_SCORE_INDEX],
            "/twin/ScoreIndex",
            axis=0,
        ),
        helper.make_node("Shape", [SEQLENS_K], ["/twin/batch"], "/twin/Batch"),
        helper.make_node("Concat", ["/twin/batch", ONES], [ROWS], "/twin/Rows", axis=0),
    ]


def _mask_of_rows(ranks: Ranks) -> list[NodeProto]:
    """Behavior's mask for B rows, then value's for as many."""
    halves = [f"{ranks.mask}/{role}" for role in MODEL_ROLES]
    expand = [
        helper.make_node("Expand", [f"{role}.{ranks.mask}", ROWS], [half], f"{half}/Expand")
        for role, half in zip(MODEL_ROLES, halves, strict=True)
    ]
    join = helper.make_node("Concat", halves, [ranks.mask], f"{ranks.mask}/Concat", axis=0)
    return [*expand, join]


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
            split.append(_split(name, halves, f"{node.name}/Split{position}"))
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
    attended = [own.output[0] for own in attentions]
    join = helper.make_node("Concat", attended, [node.output[0]], f"{node.name}/Concat", axis=0)
    return [*split, *attentions, join]


def _own(name: str, role: ModelRole) -> str:
    return f"{role}.{name}" if _is_cache(name) else name


def _split(name: str, halves: list[str], node_name: str) -> NodeProto:
    return helper.make_node("Split", [name], halves, node_name, axis=0, num_outputs=2)
