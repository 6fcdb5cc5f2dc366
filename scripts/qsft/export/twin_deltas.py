"""Two adapters into one base: at each product with a weight matrix, both models' low-rank terms.

    y = x W + (x [A_behavior A_value] ⊙ mask) [B_behavior; B_value]

The mask, a row of ones and zeros for each row of x, leaves each row its own model's half. Every
weight is stored once; which model a row belongs to is the mask's alone (`twin_graph`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from qsft.export.block_matmul import block_product, scales_name
from qsft.export.builder import BuiltDecoder
from qsft.export.contract import MODEL_ROLES, ModelRole, Precision
from qsft.export.external_weights import WeightFile
from qsft.export.options import ExportError
from qsft.export.twin_adapters import Adapter, Site, Weight
from qsft.export.weight_blocks import BLOCK, Bits, quantize_blocks

# How the builder names the outputs of products, and which projections it merges into one.
PRODUCT = re.compile(r"^/model/layers\.(\d+)/(?:attn|mlp)/(\w+)/MatMul/output_0$")
MERGED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}
LARGE_BLOCK, SMALL_BLOCK = 64, 16  # of quantized adapters


@dataclass(frozen=True)
class Ranks:
    """How many of a product's columns [A_behavior A_value] are whose."""

    behavior: int
    value: int

    @property
    def mask(self) -> str:
        return f"/adapters/mask.{self.behavior}.{self.value}"

    def constant(self, role: ModelRole) -> TensorProto:
        """The mask of one model's rows, (1, 1, ranks)."""
        own = [np.full(self.behavior, role == "behavior"), np.full(self.value, role == "value")]
        ones = np.concatenate(own).astype(np.float32).reshape(1, 1, -1)
        return numpy_helper.from_array(ones, self.mask)


@dataclass(frozen=True)
class Stacked:
    """Both models' terms of one product, merged projections side by side."""

    a: Weight  # (in, ranks)
    b: Weight  # (ranks, out)
    ranks: Ranks


@dataclass(frozen=True)
class TwinDecoder:
    """One decoder with the terms of both models; every mask is behavior's until it is replaced."""

    built: BuiltDecoder
    masks: tuple[Ranks, ...]


def add_deltas(
    built: BuiltDecoder, adapters: Mapping[ModelRole, Adapter], precision: Precision
) -> TwinDecoder:
    """The base with both adapters, whose weights are appended to the base's file."""
    model = ModelProto()
    model.CopyFrom(built.model)
    writer = _Writer(model, quantized=precision == "int4")
    unused = {site for adapter in adapters.values() for site in adapter}
    masks: set[Ranks] = set()
    nodes: list[NodeProto] = []
    for node in built.model.graph.node:
        match = PRODUCT.match(node.output[0])
        sites = _sites(int(match[1]), match[2]) if match else []
        if unused.isdisjoint(sites):
            nodes.append(node)
            continue
        unused.difference_update(sites)
        stacked = _stack(sites, adapters)
        masks.add(stacked.ranks)
        nodes += writer.add(node, stacked)
    if unused:
        site = min(unused, key=lambda site: (site.layer, site.projection))
        raise ExportError(f"{_name(site)} has an adapter, but the base's graph does not have it")
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    writer.append_to(built)
    ordered = sorted(masks, key=lambda ranks: ranks.mask)
    model.graph.initializer.extend(ranks.constant("behavior") for ranks in ordered)
    return TwinDecoder(replace(built, model=model), tuple(ordered))


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

    def __init__(self, model: ModelProto, quantized: bool) -> None:
        self._graph = model.graph
        self._quantized = quantized
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
            self._matmul(x, stacked.a, f"{name}/adapters/A", rows, bits=8),
            helper.make_node("Mul", [rows, stacked.ranks.mask], [own], f"{name}/adapters/Mask"),
            self._matmul(own, stacked.b, f"{name}/adapters/B", delta, bits=4),
            helper.make_node("Add", [base.output[0], delta], [y], f"{name}/adapters/Add"),
        ]

    def _matmul(self, x: str, weight: Weight, name: str, y: str, bits: Bits) -> NodeProto:
        if not self._quantized:
            return helper.make_node("MatMul", [x, self._store(name, weight)], [y], f"{name}/MatMul")
        blocks = quantize_blocks(weight, bits, _block(len(weight), bits))
        stored = self._store(f"{name}_Q{bits}", blocks.values)
        self._store(scales_name(stored), blocks.scales)
        shape = weight.shape[0], weight.shape[1]
        return block_product(f"{name}/MatMul_Q{bits}", x, stored, y, shape, bits, blocks.block)

    def _store(self, name: str, values: NDArray[np.generic]) -> str:
        self._pending.append((name, values))
        return name

    def append_to(self, built: BuiltDecoder) -> None:
        """Write the weights behind the base's, and name their places."""
        with built.weights.open("ab") as stream:
            file = WeightFile(stream, built.weights.name)
            self._graph.initializer.extend(file.append(*weight) for weight in self._pending)


def _block(rows: int, bits: Bits) -> int:
    """The largest block without much padding."""
    if rows <= SMALL_BLOCK:
        return SMALL_BLOCK
    return LARGE_BLOCK if bits == 8 and rows % LARGE_BLOCK == 0 else BLOCK
