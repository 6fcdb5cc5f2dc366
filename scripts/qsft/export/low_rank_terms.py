"""Where a graph adds a low-rank term to a product, as a twin's adapters do.

y = x W + ((x A) ⊙ mask) B
"""

from dataclasses import dataclass

from onnx import GraphProto, NodeProto


@dataclass(frozen=True)
class Term:
    """Names: of A, mask and B, and of the sum y."""

    a: str
    mask: str
    b: str
    sum: str
    absorbed: tuple[str, ...]  # outputs of the nodes that make y of x W


def low_rank_terms(graph: GraphProto) -> dict[str, Term]:
    """The terms by the outputs x W of the products that they are added to."""
    weights = {tensor.name for tensor in graph.initializer}
    sources = {name: node for node in graph.node for name in node.output}

    def product(name: str) -> NodeProto | None:
        node = sources.get(name)
        is_product = node and node.op_type == "MatMul" and node.input[1] in weights
        return node if is_product else None

    terms: dict[str, Term] = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        whole, low = (product(name) for name in node.input)
        own = sources.get(low.input[0]) if low else None
        rows = product(own.input[0]) if own and own.op_type == "Mul" else None
        if whole and low and own and rows and rows.input[0] == whole.input[0]:
            terms[whole.output[0]] = Term(
                a=rows.input[1],
                mask=own.input[1],
                b=low.input[1],
                sum=node.output[0],
                absorbed=(rows.output[0], own.output[0], low.output[0], node.output[0]),
            )
    return terms
