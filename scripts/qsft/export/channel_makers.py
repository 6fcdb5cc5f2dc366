"""Which weights make the channels of what a product takes, so that a factor a channel can move."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from onnx import GraphProto, NodeProto, TensorProto

# Where a norm takes its weights.
NORMS = {"SimplifiedLayerNormalization": 1, "SkipSimplifiedLayerNormalization": 2}
SELECTIONS = ("Flatten", "Gather")  # of positions: the channels stay


@dataclass(frozen=True)
class Taken:
    """The rows of a weight that an activation meets: as many as it has channels, first or last."""

    weight: str
    last: bool = False

    def rows(self, channels: int) -> slice:
        return slice(-channels, None) if self.last else slice(channels)


@dataclass(frozen=True)
class Maker:
    """What scales an activation's channels: the last entries of each of these weights."""

    weights: tuple[str, ...]
    heads: int = 1
    sharing: int = 1  # so many heads take their channels from one head of values


class ChannelMakers:
    """Of a decoder in float32."""

    def __init__(self, graph: GraphProto) -> None:
        floats = (t for t in graph.initializer if t.data_type == TensorProto.FLOAT)
        self._shapes = {tensor.name: tensor.dims for tensor in floats}
        self._sources = {name: node for node in graph.node for name in node.output}
        self._takers: dict[str, list[NodeProto]] = {}
        for node in graph.node:
            for name in filter(None, node.input):
                self._takers.setdefault(name, []).append(node)
        # Of each activation that nothing but products with weights takes: those weights.
        self.products = {x: taken for x in self._takers if (taken := self._taken(x))}

    def of(self, x: str) -> Maker | None:
        """None where a factor would have to pass what is not linear, or what others take too."""
        node = self._sources.get(x)
        while node and node.op_type in SELECTIONS and self._is_taken_once(node.input[0]):
            node = self._sources.get(node.input[0])
        if node is None:
            return None
        if node.op_type in NORMS:
            return self._maker([node.input[NORMS[node.op_type]]])
        if node.op_type == "GroupQueryAttention":
            values = self._columns(node.input[2] or node.input[0])  # or the last part of all three
            heads, kv_heads = (_integer(node, f"{which}num_heads") for which in ("", "kv_"))
            return self._maker(values, heads, heads // kv_heads)
        if node.op_type == "Mul":
            return self._maker(next(filter(None, map(self._columns, node.input)), []))
        return None

    def _maker(self, weights: Sequence[str], heads: int = 1, sharing: int = 1) -> Maker | None:
        if not weights or not all(map(self._is_taken_once, weights)):
            return None
        return Maker(tuple(weights), heads, sharing)

    def _taken(self, x: str) -> list[Taken]:
        """None where something else takes it, too; a product may take it beside others."""
        taken: list[Taken] = []
        for node in self._takers.get(x, []):
            if self._is_product(node, x):
                taken.append(Taken(node.input[1]))
            elif node.op_type == "Concat" and (whole := self._taken(node.output[0])):
                taken += [Taken(part.weight, last=x == node.input[-1]) for part in whole]
            else:
                return []
        return taken

    def _columns(self, y: str) -> list[str]:
        """The weights and biases whose last columns make `y`; none where it is no plain sum."""
        if not self._is_taken_once(y):
            return []
        if len(self._shapes.get(y, ())) == 1:
            return [y]
        node = self._sources.get(y)
        if node and node.op_type == "MatMul" and self._is_product(node, node.input[0]):
            return [node.input[1]]
        if node and node.op_type == "Split" and y == node.output[-1]:
            return self._columns(node.input[0])
        if node and node.op_type == "Add":
            parts = [self._columns(name) for name in node.input]
            return list(chain(*parts)) if all(parts) else []
        return []

    def _is_product(self, node: NodeProto, x: str) -> bool:
        return (
            node.op_type == "MatMul"
            and node.input[0] == x
            and len(self._shapes.get(node.input[1], ())) == 2
            # A tied embedding is the head's weights, transposed.
            and all(t is node or t.op_type == "Transpose" for t in self._takers[node.input[1]])
        )

    def _is_taken_once(self, name: str) -> bool:
        return len(self._takers.get(name, [])) == 1


def _integer(node: NodeProto, name: str) -> int:
    return next(int(attribute.i) for attribute in node.attribute if attribute.name == name)
