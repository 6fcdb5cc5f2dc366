"""Both models' adapters at all products with one x, side by side in one A and one B.

x [A_behavior A_value 0 shared]        the zeros fill a block, `shared` serves both models
B = [B_behavior; B_value; 0; 0]        in blocks: a projection's rows reach its own columns only
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsft.export.block_means import averages
from qsft.export.contract import MODEL_ROLES, ModelRole
from qsft.export.options import ExportError
from qsft.export.twin_adapters import Adapter, Site, Weight
from qsft.export.weight_blocks import BLOCK


@dataclass(frozen=True)
class Product:
    """A product with one of the base's weights, and the linear layers that it merges."""

    weight: str
    sites: tuple[Site, ...]
    width: int  # of x
    columns: int


@dataclass(frozen=True)
class Ranks:
    """How many of A's columns are whose."""

    behavior: int
    value: int
    shared: int

    @property
    def masks(self) -> NDArray[np.float64]:
        """Of the behavior model and of the value model, (2, columns)."""
        own = np.repeat(np.eye(2), [self.behavior, self.value], axis=1)
        return np.hstack([own, np.ones((2, self.shared))])


@dataclass(frozen=True)
class StackedAdapters:
    a: Weight  # (in, columns)
    b: Weight  # (columns, out of all products)
    ranks: Ranks


def stack_adapters(
    products: Sequence[Product], adapters: Mapping[ModelRole, Adapter], with_means: bool
) -> StackedAdapters:
    sites = [site for product in products for site in product.sites]
    widths = [width for product in products for width in _widths(product, adapters)]
    starts = np.cumsum([0, *widths])
    ranks: dict[ModelRole, int] = {}
    a: list[Weight] = []
    b: list[Weight] = []
    for role in MODEL_ROLES:
        deltas = [(i, adapters[role][s]) for i, s in enumerate(sites) if s in adapters[role]]
        ranks[role] = sum(len(delta.b) for _, delta in deltas)
        for i, delta in deltas:
            a.append(delta.a)
            rows = np.zeros((len(delta.b), starts[-1]), np.float32)
            rows[:, starts[i] : starts[i + 1]] = delta.b
            b.append(rows)
    shared = np.zeros((products[0].width, 0), np.float32)
    if with_means:  # at the beginning of a block
        shared = np.pad(averages(len(shared)), ((0, 0), (-sum(ranks.values()) % BLOCK, 0)))
    held = np.zeros((shared.shape[1], starts[-1]), np.float32)
    own = Ranks(ranks["behavior"], ranks["value"], shared.shape[1])
    return StackedAdapters(np.hstack([*a, shared]), np.vstack([*b, held]), own)


def site_name(site: Site) -> str:
    return f"{site.projection} of layer {site.layer}"


def _widths(product: Product, adapters: Mapping[ModelRole, Adapter]) -> list[int]:
    """Of what the product merges."""
    if len(product.sites) == 1:
        return [product.columns]
    return [_width(site, adapters) for site in product.sites]


def _width(site: Site, adapters: Mapping[ModelRole, Adapter]) -> int:
    for adapter in adapters.values():
        if site in adapter:
            return len(adapter[site].b[0])
    raise ExportError(
        f"{site_name(site)} has no adapter, but what the graph merges it with does:"
        " adapters must change all of q_proj, k_proj and v_proj or none"
    )
