"""Two adapters into one base: low-rank terms as more channels of what products take.

    y = [x, (x [A_behavior A_value]) ⊙ mask] [W; B_behavior; B_value]

Once for all products with x, whose terms lie side by side (`stacked_adapters`). The mask, a row of
ones and zeros for each row of x, leaves each row its own model's half. Every weight is stored once;
which model a row belongs to is `TOKEN_MODEL`'s to say (`twin_graph`).
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from qsft.export.block_means import widened_name
from qsft.export.builder import BuiltDecoder
from qsft.export.contract import MODEL_ROLES, ModelRole, Precision, cache_type
from qsft.export.external_weights import initializers_of, read_weight, weight_file
from qsft.export.options import ExportError
from qsft.export.stacked_adapters import (
    Product,
    Ranks,
    StackedAdapters,
    site_name,
    stack_adapters,
)
from qsft.export.twin_adapters import Adapter, Site, Weight

# How the builder names the outputs of products, and which projections it merges into one.
PRODUCT = re.compile(r"^/model/layers\.(\d+)/(?:attn|mlp)/(\w+)/MatMul/output_0$")
MERGED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}
# int64, of each token or of all: 0 where it is the behavior model's, 1 where it is the value's.
TOKEN_MODEL = "/adapters/model"
LOW_RANK = "/adapters/A"  # how the names of the products with A, and of A, begin


def add_deltas(
    built: BuiltDecoder, adapters: Mapping[ModelRole, Adapter], precision: Precision
) -> BuiltDecoder:
    """The base with both adapters; its weight file is rewritten.

    Every token is the behavior model's until `TOKEN_MODEL` is replaced.
    """
    model = ModelProto()
    model.CopyFrom(built.model)
    graph = model.graph
    products = _adapted_products(graph, adapters)
    stacked = {
        x: stack_adapters(same, adapters, precision == "int4") for x, same in products.items()
    }
    _store_adapters(graph, built, products, stacked, np.dtype(cache_type(precision)))
    adapted = {product.weight for same in products.values() for product in same}
    nodes: dict[str, NodeProto] = {}  # by their first outputs: some are wanted more than once
    for node in graph.node:
        if adapted.intersection(node.input):
            x = node.input[0]
            nodes |= {new.output[0]: new for new in _widen(x, stacked[x].ranks)}
            node.input[0] = widened_name(x)
        nodes[node.output[0]] = node
    del graph.node[:]
    graph.node.extend(nodes.values())
    return replace(built, model=model)


def token_model(role: ModelRole) -> TensorProto:
    """The constant of a graph whose tokens are all one model's."""
    return helper.make_tensor(TOKEN_MODEL, TensorProto.INT64, [], [MODEL_ROLES.index(role)])


def low_rank_name(x: str) -> str:
    return f"{LOW_RANK}{x}"


def _adapted_products(
    graph: GraphProto, adapters: Mapping[ModelRole, Adapter]
) -> dict[str, list[Product]]:
    """By what they take: all with it, if an adapter changes one of them."""
    unused = {site for adapter in adapters.values() for site in adapter}
    weights = initializers_of(graph)
    products: dict[str, list[Product]] = defaultdict(list)
    for node in graph.node:
        if match := PRODUCT.match(node.output[0]):
            projections = MERGED.get(match[2], (match[2],))
            sites = tuple(Site(int(match[1]), projection) for projection in projections)
            x, weight = node.input
            products[x].append(Product(weight, sites, *weights[weight].dims))
    adapted: dict[str, list[Product]] = {}
    for x, same in products.items():
        changed = {site for product in same for site in product.sites}
        if unused & changed:
            adapted[x] = same
            unused -= changed
    if unused:
        site = min(unused, key=lambda site: (site.layer, site.projection))
        raise ExportError(
            f"{site_name(site)} has an adapter, but the base's graph does not have it"
        )
    return adapted


def _widen(x: str, ranks: Ranks) -> list[NodeProto]:
    rows, own, mask = f"{x}/rows", f"{x}/own", _mask_name(ranks)
    name = low_rank_name(x)
    return [
        helper.make_node("Gather", [f"{mask}/table", TOKEN_MODEL], [mask], f"{mask}/Gather"),
        helper.make_node("MatMul", [x, name], [rows], name),
        helper.make_node("Mul", [rows, mask], [own], f"{x}/Mask"),
        helper.make_node("Concat", [x, own], [widened_name(x)], f"{x}/Widen", axis=-1),
    ]


def _mask_name(ranks: Ranks) -> str:
    return f"/adapters/mask.{ranks.behavior}.{ranks.value}.{ranks.shared}"


def _store_adapters(
    graph: GraphProto,
    built: BuiltDecoder,
    products: Mapping[str, Sequence[Product]],
    stacked: Mapping[str, StackedAdapters],
    dtype: np.dtype[np.generic],
) -> None:
    """B below the base's weights, A behind them; the masks' tables go into the graph itself."""
    below: dict[str, Weight] = {}
    for x, same in products.items():
        ends = np.cumsum([product.columns for product in same])
        parts = np.split(stacked[x].b, ends[:-1], axis=1)
        below |= {product.weight: b for product, b in zip(same, parts, strict=True)}
    rewritten = built.weights.with_name("twin.data")
    with weight_file(rewritten) as file:
        for name, tensor in initializers_of(graph).items():
            if tensor.data_location == TensorProto.EXTERNAL:
                values = read_weight(tensor, built.weights)
                if name in below:
                    values = np.concatenate([values, below[name].astype(values.dtype)])
                tensor.CopyFrom(file.append(name, values))
        for x, terms in stacked.items():
            graph.initializer.append(file.append(low_rank_name(x), terms.a.astype(dtype)))
    rewritten.replace(built.weights)
    tables = {_mask_name(terms.ranks): terms.ranks.masks for terms in stacked.values()}
    for mask, values in tables.items():
        table = numpy_helper.from_array(values.astype(dtype), f"{mask}/table")
        graph.initializer.append(table)
    graph.initializer.append(token_model("behavior"))
