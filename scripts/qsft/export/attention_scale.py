"""Attention's scale moves into the rotary tables: ONNX Runtime is faster where there is none.

    scale · (R q) · (R k)  =  (√scale · R q) · (√scale · R k)        R: the rotation by position

Its product of one query with the keys is quick only where nothing is left to multiply by, and in
decoding every query is alone. The cache holds the keys as scaled.
"""

import math

from onnx import GraphProto, TensorProto, helper

OPERATOR = "GroupQueryAttention"
TABLES = (7, 8)  # where the operator takes cosines and sines


def fold_attention_scale(graph: GraphProto) -> None:
    """In float32 alone; tables that turn only a part of each head leave the scale where it is."""
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    folded: dict[tuple[str, float], str] = {}
    for node in graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != OPERATOR or "rotary_embedding_dim" in attributes:
            continue
        if any(types.get(node.input[position]) != TensorProto.FLOAT for position in TABLES):
            continue
        scale = attributes["scale"].f
        attributes["scale"].f = 1.0
        for position in TABLES:
            table = node.input[position]
            name = f"{table}/scaled.{len(folded)}"
            node.input[position] = folded.setdefault((table, scale), name)
    for (table, scale), name in folded.items():
        root = f"{name}/root"
        nodes = [  # computed once, when the graph is loaded
            helper.make_node("Constant", [], [root], root, value_float=math.sqrt(scale)),
            helper.make_node("Mul", [table, root], [name], f"{name}/Mul"),
        ]
        for new in reversed(nodes):
            graph.node.insert(0, new)
