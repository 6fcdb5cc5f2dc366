"""A graph in float16 or bfloat16 for the CPU, which has kernels for few operators in them.

Every operator computes in float32, and what it gives is rounded to the graph's type: between two
operators lies what lies there on a GPU, whose kernels add up in float32 as well. ONNX Runtime runs
float16 so by itself, but leaves out roundings, and not the same ones in every graph.
"""

from collections.abc import Mapping

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def without_half_precision(model: ModelProto) -> ModelProto:
    """The same model, of which only weights, inputs, outputs and what was rounded have 16 bits."""
    copy = ModelProto()
    copy.CopyFrom(model)
    _compute_in_float32(copy.graph, {})
    return copy


def _compute_in_float32(graph: GraphProto, outer: Mapping[str, int]) -> None:
    """`outer`: the types of the 16-bit values of the graphs around this one."""
    given = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    given |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    given = {name: element for name, element in given.items() if element in HALVES}
    halves = {**outer, **given}
    nodes = [_widened(name) for name in given]
    for node in graph.node:
        branches = [a.g for a in node.attribute if a.type == AttributeProto.GRAPH]
        for branch in branches:
            _compute_in_float32(branch, halves)
        rounded = {} if branches else _rounded_outputs(node, halves)
        node.input[:] = [_wide(name) if name in halves else name for name in node.input]
        node.output[:] = [_exact(name) if name in rounded else name for name in node.output]
        nodes.append(node)
        for name, element in rounded.items():
            nodes.append(_cast(_exact(name), name, element))
        outputs = rounded | (_chosen_outputs(node, branches[0]) if branches else {})
        nodes += [_widened(name) for name in outputs]
        halves |= outputs
    del graph.node[:]
    graph.node.extend(nodes)


def _rounded_outputs(node: NodeProto, halves: Mapping[str, int]) -> dict[str, int]:
    """A node's outputs of 16 bits with their type: that of its inputs, or what it casts to."""
    if node.op_type == "Cast":
        types = [attribute.i for attribute in node.attribute if attribute.name == "to"]
    else:
        types = [halves[name] for name in node.input if name in halves]
    return {name: types[0] for name in node.output if name and types and types[0] in HALVES}


def _chosen_outputs(node: NodeProto, branch: GraphProto) -> dict[str, int]:
    """A branching node's outputs of 16 bits: its branches have rounded them already."""
    types = [output.type.tensor_type.elem_type for output in branch.output]
    outputs = dict(zip(node.output, types, strict=True))
    return {name: element for name, element in outputs.items() if element in HALVES}


def _widened(name: str) -> NodeProto:
    return _cast(name, _wide(name), TensorProto.FLOAT)


def _cast(source: str, target: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [source], [target], f"{target}/Cast", to=to)


def _wide(name: str) -> str:
    return f"{name}/float32"


def _exact(name: str) -> str:
    return f"{name}/exact"
