"""Two adapters into one base: at each product with a weight matrix, both models' low-rank terms.

    y = x W + (x [A_behavior A_value] ⊙ mask) [B_behavior; B_value]

The mask, a row of ones and zeros for each row of x, leaves each row its own model's half. Every
weight is stored once; which model a row belongs to is `TOKEN_MODEL`'s to say (`twin_graph`).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from qsft.export.builder import BuiltDecoder
from qsft.export.contract import MODEL_ROLES, ModelRole, Precision, cache_type
from qsft.export.external_weights import WeightFile
from qsft.export.options import ExportError
from qsft.export.twin_adapters import Adapter, Site, Weight

# How the builder names the outputs of products, and which projections it merges into one.
PRODUCT = re.compile(r"^/model/layers\.(\d+)/(?:attn|mlp)/(\w+)/MatMul/output_0$")
MERGED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}
# int64, of each token or of all: 0 where it is the behavior model's, 1 where it is the value's.
TOKEN_MODEL = "/adapters/model"


@dataclass(frozen=True)
class Ranks:
    """How many of a product's columns [A_behavior A_value] are whose."""

    behavior: int
    value: int

    @property
    def mask(self) -> str:
        return f"/adapters/mask.{self.behavior}.{self.value}"

    @property
    def masks(self) -> NDArray[np.float64]:
        """The behavior model's and the value model's, (2, ranks)."""
        return np.repeat(np.eye(2), [self.behavior, self.value], axis=1)


@dataclass(frozen=True)
class Stacked:
    """Both models' terms of one product, merged projections side by side."""

    a: Weight  # (in, ranks)
    b: Weight  # (ranks, out)
    ranks: Ranks


def add_deltas(
    built: BuiltDecoder, adapters: Mapping[ModelRole, Adapter], precision: Precision
) -> BuiltDecoder:
    """The base with both adapters, whose weights are appended to the base's file.

    Every token is the behavior model's until `TOKEN_MODEL` is replaced.
    """
    model = ModelProto()
    model.CopyFrom(built.model)
    writer = _Writer(model, precision)
    unused = {site for adapter in adapters.values() for site in adapter}
    all_ranks: set[Ranks] = set()
    nodes: list[NodeProto] = []
    for node in built.model.graph.node:
        match = PRODUCT.match(node.output[0])
        sites = _sites(int(match[1]), match[2]) if match else []
        if unused.isdisjoint(sites):
            nodes.append(node)
            continue
        unused.difference_update(sites)
        stacked = _stack(sites, adapters)
        all_ranks.add(stacked.ranks)
        nodes += writer.add(node, stacked)
    if unused:
        site = min(unused, key=lambda site: (site.layer, site.projection))
        raise ExportError(f"{_name(site)} has an adapter, but the base's graph does not have it")
    del model.graph.node[:]
    model.graph.node.extend(writer.masks(all_ranks))
    model.graph.node.extend(nodes)
    writer.append_to(built)
    return replace(built, model=model)


def token_model(role: ModelRole) -> TensorProto:
    """The constant of a graph whose tokens are all one model's."""
    return helper.make_tensor(TOKEN_MODEL, TensorProto.INT64, [], [MODEL_ROLES.index(role)])


def _sites(layer: int, product: str) -> list[Site]:
    return [Site(layer, projection) for projection in MERGED.get(product, (product,))]


def _name(site: Site) -> str:
    return f"{site.projection} of layer {site.layer}"


def _stack(sites: Sequence[Site], adapters: Mapping[ModelRole, Adapter]) -> Stacked:
    """A side by side, B as blocks: each projection's rows reach its own columns of y only."""
    widths = [_width(site, adapters) for site in sites]
    starts = np.cumsum([0, *widths])
    ranks: dict[ModelRole, int] = {}
    a: list[Weight] = []
    b: list[Weight] = []
    for role in MODEL_ROLES:
        deltas = [(i, adapters[role][s]) for i, s in enumerate(sites) if s in adapters[role]]
        ranks[role] = sum(delta.a.shape[1] for _, delta in deltas)
        for i, delta in deltas:
            a.append(delta.a)
            rows = np.zeros((delta.b.shape[0], starts[-1]), dtype=np.float32)
            rows[:, starts[i] : starts[i + 1]] = delta.b
            b.append(rows)
    return Stacked(np.hstack(a), np.vstack(b), Ranks(ranks["behavior"], ranks["value"]))


def _width(site: Site, adapters: Mapping[ModelRole, Adapter]) -> int:
    for adapter in adapters.values():
        if site in adapter:
            return len(adapter[site].b[0])
    raise ExportError(
        f"{_name(site)} has no adapter, but what the graph merges it with does:"
        " adapters must change all of q_proj, k_proj and v_proj or none"
    )


class _Writer:
    """Adds nodes and initializers to a model whose external data grows at its end."""

    def __init__(self, model: ModelProto, precision: Precision) -> None:
        self._graph = model.graph
        self._dtype = np.dtype(cache_type(precision))
        self._pending: list[tuple[str, NDArray[np.generic]]] = []

    def add(self, product: NodeProto, stacked: Stacked) -> list[NodeProto]:
        """The product and what is added to it, under the product's old name."""
        x, y = product.input[0], product.output[0]
        name = y.removesuffix("/MatMul/output_0")
        base = NodeProto()
        base.CopyFrom(product)
        base.output[0] = f"{name}/base"
        rows, own, delta = f"{name}/adapters/rows", f"{name}/adapters/own", f"{name}/adapters/delta"
        return [
            base,
            self._matmul(x, stacked.a, f"{name}/adapters/A", rows),
            helper.make_node("Mul", [rows, stacked.ranks.mask], [own], f"{name}/adapters/Mask"),
            self._matmul(own, stacked.b, f"{name}/adapters/B", delta),
            helper.make_node("Add", [base.output[0], delta], [y], f"{name}/adapters/Add"),
        ]

    def masks(self, all_ranks: Collection[Ranks]) -> list[NodeProto]:
        """Each token's masks, of the tables that they are rows of."""
        nodes: list[NodeProto] = []
        for ranks in sorted(all_ranks, key=lambda ranks: ranks.mask):
            table = f"{ranks.mask}/table"
            values = ranks.masks.astype(self._dtype)
            self._graph.initializer.append(numpy_helper.from_array(values, table))
            name = f"{ranks.mask}/Gather"
            nodes.append(helper.make_node("Gather", [table, TOKEN_MODEL], [ranks.mask], name))
        self._graph.initializer.append(token_model("behavior"))
        return nodes

    def _matmul(self, x: str, weight: Weight, name: str, y: str) -> NodeProto:
        stored = self._store(name, weight.astype(self._dtype))
        return helper.make_node("MatMul", [x, stored], [y], f"{name}/MatMul")

    def _store(self, name: str, values: NDArray[np.generic]) -> str:
        self._pending.append((name, values))
        return name

    def append_to(self, built: BuiltDecoder) -> None:
        """Write the weights behind the base's, and name their places."""
        with built.weights.open("ab") as stream:
            file = WeightFile(stream, built.weights.name)
            self._graph.initializer.extend(file.append(*weight) for weight in self._pending)
