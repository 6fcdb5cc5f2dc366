"""Dead code of a graph: nodes and initializers that no output needs."""

from onnx import GraphProto

from qsft.export.options import ExportError


def prune_unused(graph: GraphProto) -> None:
    """Remove what no output needs, and refuse a graph that needs an input it does not declare."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):  # sorted topologically: consumers come after producers
        if needed.intersection(node.output):
            needed.update(name for name in node.input if name)
            kept.append(node)
    initializers = [tensor for tensor in graph.initializer if tensor.name in needed]

    known = {value.name for value in graph.input} | {tensor.name for tensor in initializers}
    unknown = needed - known.union(*(node.output for node in kept))
    if unknown:
        raise ExportError(f"the graph needs inputs that the server does not give: {unknown}")
    kept.reverse()
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(initializers)
