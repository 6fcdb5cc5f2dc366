"""Which values of a decoder with adapters are each model's own, and which are both models'."""

from collections.abc import Collection
from dataclasses import dataclass

from onnx import GraphProto, NodeProto, helper

from qsft.export.contract import INPUT_IDS, SCORE_INDEX, ModelRole, step_cache_name
from qsft.export.twin_deltas import TOKEN_MODEL

# Of these, another input than the first has the output's type.
TYPED_BY = {"QuantizeLinear": 2, "MatMulIntegerToFloat": 2}


@dataclass(frozen=True)
class Flow:
    """What comes from the tokens, and what of it from whose tokens they are: an adapter's doing."""

    rows: Collection[str]
    own: Collection[str]
    first_layer: int  # the first whose attention is each model's own

    def is_own(self, node: NodeProto) -> bool:
        return any(name in self.own for name in node.output)

    def shared_by(self, node: NodeProto) -> list[str]:
        """The rows that it takes and both models have the same of, in their order, each once."""
        shared = [name for name in node.input if name in self.rows and name not in self.own]
        return list(dict.fromkeys(shared))

    def cache_of(self, role: ModelRole, name: str) -> str:
        """The name in the step graph; the value model's layers count from its first."""
        return step_cache_name(role, name, self.first_layer if role == "value" else 0)


def trace(graph: GraphProto) -> Flow:
    rows, own = _behind(graph, {INPUT_IDS, SCORE_INDEX}), _behind(graph, {TOKEN_MODEL})
    shared = [n for n in graph.node if is_attention(n) and own.isdisjoint(n.output)]
    return Flow(rows, own, len(shared))


def is_cache(name: str) -> bool:
    return name.startswith(("past.", "present."))


def is_attention(node: NodeProto) -> bool:
    return any(is_cache(name) for name in node.output)


def _behind(graph: GraphProto, sources: set[str]) -> set[str]:
    found = set(sources)
    for node in graph.node:  # sorted topologically
        if found.intersection(node.input):
            found.update(filter(None, node.output))  # those that are left out have no name
    return found


def element_type(graph: GraphProto, name: str) -> int:
    """Of an activation; ONNX infers none behind the operators that are ONNX Runtime's own."""
    known = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    known |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    sources = {output: node for node in graph.node for output in node.output}
    while name not in known:
        node = sources[name]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Cast":
            return int(attributes["to"])
        if node.op_type == "ConstantOfShape":
            return int(attributes["value"].data_type)
        name = node.input[TYPED_BY.get(node.op_type, 0)]
    return int(known[name])
