"""What int4's products take: x, the means of its blocks and, in twins, what adapters make of it.

    [x, means]  or  [x, means, (x A) ⊙ mask]

Once for all products with x. The terms of several lie side by side, each reaching its own product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from qsft.export.block_product import block_product, scales_name
from qsft.export.low_rank_terms import Term
from qsft.export.weight_blocks import BLOCK, Weight, quantize_blocks

MEANS = "/int4/means"  # how the names of the products begin that take the means; they stay fp32
LARGE_BLOCK = 64  # of A, in 8 bits

Stored = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class WidenedRows:
    """x and what is behind it; `matrices` are the terms' A, (in, ranks)."""

    x: str
    width: int
    terms: Sequence[Term]
    matrices: Sequence[Weight]

    @property
    def name(self) -> str:
        return f"{self.x}/widened"

    @property
    def columns(self) -> int:
        return self.width + self._means + self._ranks

    def below(self, term: Term | None, b: Weight) -> Weight:
        """The rows of a product's weight that meet the terms: zeros but for its own, B."""
        zeros = (np.zeros((len(a[0]), len(b[0])), np.float32) for a in self.matrices)
        parts = [b if own is term else zero for own, zero in zip(self.terms, zeros, strict=True)]
        return np.vstack([b[:0], *parts])

    def nodes(self) -> list[NodeProto]:
        means = f"{self.x}/means"
        # A product is quicker here than AveragePool, by far.
        average = helper.make_node("MatMul", [self.x, self._averages], [means], f"{MEANS}{self.x}")
        parts = [self.x, means]
        nodes = [average]
        if self.terms:
            parts.append(f"{self.x}/own")
            nodes += self._own_rows(parts[-1])
        return [*nodes, helper.make_node("Concat", parts, [self.name], f"{self.x}/Widen", axis=-1)]

    def weights(self) -> Stored:
        """All x of one width have the same averages."""
        stored: Stored = {self._averages: averaging(self.width, self._means)}
        if self.terms:
            blocks = quantize_blocks(np.hstack(self.matrices), 8, self._block)
            stored |= {self._a: blocks.values, scales_name(self._a): blocks.scales}
        return stored

    @property
    def _ranks(self) -> int:
        return sum(len(a[0]) for a in self.matrices)

    @property
    def _means(self) -> int:
        """Columns of the means: whole blocks, where others follow."""
        count = self.width // BLOCK
        return -(-count // BLOCK) * BLOCK if self.terms else count

    @property
    def _averages(self) -> str:
        return f"/int4/averages.{self.width}.{self._means}"

    @property
    def _a(self) -> str:
        return f"{self.x}/A_Q8"

    @property
    def _block(self) -> int:
        return LARGE_BLOCK if self.width % LARGE_BLOCK == 0 else BLOCK

    def _own_rows(self, own: str) -> list[NodeProto]:
        """What both models' A make, and of it what each row's own model does."""
        rows, shape = f"{self.x}/rows", (self.width, self._ranks)
        masks = [term.mask for term in self.terms]
        mask = f"/int4{'+'.join(masks)}"  # of the same name wherever it is the same
        return [
            block_product(f"{self.x}/A", self.x, self._a, rows, shape, 8, self._block),
            helper.make_node("Concat", masks, [mask], f"{mask}/Concat", axis=-1),
            helper.make_node("Mul", [rows, mask], [own], f"{self.x}/Mask"),
        ]


def averaging(width: int, columns: int) -> Weight:
    """The matrix that takes a row to the means of its blocks, and zeros behind them."""
    eye = np.eye(width // BLOCK, columns, dtype=np.float32) / np.float32(BLOCK)
    matrix: Weight = np.repeat(eye, BLOCK, axis=0)
    return matrix
