"""Surgery on the builder's decoder: the contract's inputs and outputs instead of the builder's."""

from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
)

from qsft.export.attention_scale import fold_attention_scale
from qsft.export.builder import BuiltDecoder, DecoderShape
from qsft.export.cache_layout import CacheLayout, Shape
from qsft.export.contract import INPUT_IDS, LOGITS, SCORE_INDEX, past_name, present_name
from qsft.export.options import ExportError
from qsft.export.prune import prune_unused

LM_HEAD = "/lm_head/"  # how the builder begins the names of the LM head's nodes


def adapt_decoder(built: BuiltDecoder, weights: str) -> ModelProto:
    """The decoder in the contract's form, reading its external data from the file `weights`."""
    model = ModelProto()
    model.CopyFrom(built.model)
    # The builder signs with the commit of its working folder; equal policies must be equal bytes.
    model.producer_name, model.producer_version = "qsft", ""
    graph, layout = model.graph, built.layout
    if any(a.type == AttributeProto.GRAPH for node in graph.node for a in node.attribute):
        raise ExportError("the decoder branches (a graph inside a node), which is not supported")
    attention = [node for node in graph.node if node.op_type == layout.operator]
    if len(attention) != built.shape.layers:
        raise ExportError(
            f"the graph has {len(attention)} {layout.operator} nodes for"
            f" {built.shape.layers} layers; only decoders with one in every layer can be served"
        )
    for layer, node in enumerate(attention):
        _rewire_attention(node, layer, layout)
    fold_attention_scale(graph)
    _score_selected_positions(graph, layout)
    _score_in_float32(graph)
    cache_type = _element_type(built.model, "past_key_values")
    _declare_interface(graph, built.shape, cache_type, layout)
    prune_unused(graph)
    for initializer in graph.initializer:
        _read_from(initializer, weights)
    return model


def _rewire_attention(node: NodeProto, layer: int, layout: CacheLayout) -> None:
    """Lengths come from the caller, not from a mask; the cache takes the contract's names."""
    rotary = {a.name: a.i for a in node.attribute}.get("do_rotary")
    if rotary != 1:
        raise ExportError(f"layer {layer}: positions are not rotary inside {layout.operator}")
    node.input[3:5] = [past_name(layer, "key"), past_name(layer, "value")]
    for length in layout.lengths:
        node.input[length.position] = length.name
    node.output[1:3] = [present_name(layer, "key"), present_name(layer, "value")]


def _score_selected_positions(graph: GraphProto, layout: CacheLayout) -> None:
    """Gather the positions to score before the LM head, so that it runs on no others."""
    head = next(i for i, node in enumerate(graph.node) if node.name.startswith(LM_HEAD))
    hidden = graph.node[head].input[0]  # (B, S, H), or (T, H) where rows are packed already
    flat, selected = "/score/flat", "/score/selected"  # (B·S, H), (N, H)
    nodes = [
        helper.make_node("Flatten", [hidden], [flat], "/score/Flatten", axis=len(layout.tokens)),
        helper.make_node("Gather", [flat, SCORE_INDEX], [selected], "/score/Gather", axis=0),
    ]
    graph.node[head].input[0] = selected
    for offset, node in enumerate(nodes):
        graph.node.insert(head + offset, node)


def _score_in_float32(graph: GraphProto) -> None:
    """The combination takes logits in float32, whatever the model computes in."""
    [logits] = [output for output in graph.output if output.name == LOGITS]
    if logits.type.tensor_type.elem_type == TensorProto.FLOAT:
        return
    own = "/score/logits"
    for node in graph.node:
        node.output[:] = [own if name == LOGITS else name for name in node.output]
    cast = helper.make_node("Cast", [own], [LOGITS], "/score/Cast", to=TensorProto.FLOAT)
    graph.node.append(cast)


def _element_type(model: ModelProto, prefix: str) -> int:
    """Of the first input so named."""
    found = next(value for value in model.graph.input if value.name.startswith(prefix))
    return int(found.type.tensor_type.elem_type)


def _declare_interface(
    graph: GraphProto, shape: DecoderShape, cache_type: int, layout: CacheLayout
) -> None:
    """Replace the declared inputs and outputs; inferred shapes inside no longer hold."""
    parts = [(layer, part) for layer in range(shape.layers) for part in ("key", "value")]
    cache = layout.cache_shape(shape.kv_heads, shape.head_dim)
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.extend(
        [
            _tensor(INPUT_IDS, TensorProto.INT64, list(layout.tokens)),
            *(_tensor(n.name, TensorProto.INT32, list(n.shape)) for n in layout.lengths),
            _tensor(SCORE_INDEX, TensorProto.INT64, ["scored"]),
            *(_tensor(past_name(*part), cache_type, cache) for part in parts),
        ]
    )
    graph.output.extend(
        [
            _tensor(LOGITS, TensorProto.FLOAT, ["scored", shape.vocab_size]),
            *(_tensor(present_name(*part), cache_type, cache) for part in parts),
        ]
    )


def _tensor(name: str, element: int, shape: Shape) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, element, shape)


def _read_from(initializer: TensorProto, weights: str) -> None:
    for entry in initializer.external_data:
        if entry.key == "location":
            entry.value = weights
