"""PagedAttention in plain operators, for processors without a kernel for it: the CPU has none.

What verifies a paged export, and what the server's tests run. Slow, and of any element type.
"""

from collections.abc import Iterable

import onnx.parser
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, helper

from qsft.export.options import ExportError

DOMAIN = "qsft"
ATTRIBUTES = ("num_heads", "kv_num_heads", "scale", "local_window_size")
# Left out of the definition below, and refused rather than ignored.
UNSUPPORTED = ("softcap", "rotary_interleaved")
TAKEN = 10  # of the operator's inputs: up to the rotary tables

# T tokens of B rows; h heads, k of keys and values, of size d; M blocks a row, L = M · block size.
DEFINITION = """
<domain: "{domain}", opset_import: ["" : {opset}]>
{name} <num_heads, kv_num_heads, scale, local_window_size>
({inputs}, key_cache, value_cache, cumulative, past, table, cos, sin) =>
(output, key_cache_out, value_cache_out) {{
    zero = Constant <value_int: int = 0> ()
    one = Constant <value_int: int = 1> ()
    axis_0 = Constant <value_ints: ints = [0]> ()
    axis_1 = Constant <value_ints: ints = [1]> ()
    axes_1_2 = Constant <value_ints: ints = [1, 2]> ()
    rest = Constant <value_ints: ints = [-1]> ()
    h_scalar = Constant <value_int: int = @num_heads> ()
    h = Unsqueeze (h_scalar, axis_0)
    k_scalar = Constant <value_int: int = @kv_num_heads> ()
    k = Unsqueeze (k_scalar, axis_0)
    d = Shape <start: int = 3, end: int = 4> (key_cache)
    block_size = Shape <start: int = 1, end: int = 2> (key_cache)
    {opening}

    count = Shape <start: int = 0, end: int = 1> (flat_query)
    count_scalar = Squeeze (count, axis_0)
    index = Range (zero, count_scalar, one)
    bounds = Cast <to: int = 7> (cumulative)
    bounds_count = Shape (bounds)
    ends = Slice (bounds, axis_1, bounds_count, axis_0)
    index_column = Unsqueeze (index, axis_1)
    has_ended = GreaterOrEqual (index_column, ends)
    ended = Cast <to: int = 7> (has_ended)
    row = ReduceSum <keepdims: int = 0> (ended, axis_1)
    start = Gather (bounds, row)
    past_counts = Cast <to: int = 7> (past)
    before = Gather (past_counts, row)
    offset = Sub (index, start)
    position = Add (offset, before)
    position_column = Unsqueeze (position, axis_1)

    half_width = Shape <start: int = 1, end: int = 2> (cos)
    rotary_width = Add (half_width, half_width)
    plain_width = Sub (d, rotary_width)
    widths = Concat <axis: int = 0> (half_width, half_width, plain_width)
    cos_rows = Gather (cos, position)
    wide_cos = Cast <to: int = 1> (cos_rows)
    c = Unsqueeze (wide_cos, axis_1)
    sin_rows = Gather (sin, position)
    wide_sin = Cast <to: int = 1> (sin_rows)
    s = Unsqueeze (wide_sin, axis_1)

    query_shape = Concat <axis: int = 0> (rest, h, d)
    query_heads = Reshape (flat_query, query_shape)
    wide_query = Cast <to: int = 1> (query_heads)
    q1, q2, q3 = Split <axis: int = 2> (wide_query, widths)
    q1c = Mul (q1, c)
    q2s = Mul (q2, s)
    q2c = Mul (q2, c)
    q1s = Mul (q1, s)
    turned_q1 = Sub (q1c, q2s)
    turned_q2 = Add (q2c, q1s)
    turned_query = Concat <axis: int = 2> (turned_q1, turned_q2, q3)

    key_shape = Concat <axis: int = 0> (rest, k, d)
    key_heads = Reshape (flat_key, key_shape)
    wide_key = Cast <to: int = 1> (key_heads)
    k1, k2, k3 = Split <axis: int = 2> (wide_key, widths)
    k1c = Mul (k1, c)
    k2s = Mul (k2, s)
    k2c = Mul (k2, c)
    k1s = Mul (k1, s)
    turned_k1 = Sub (k1c, k2s)
    turned_k2 = Add (k2c, k1s)
    turned_key = Concat <axis: int = 2> (turned_k1, turned_k2, k3)

    wide_table = Cast <to: int = 7> (table)
    blocks = Gather (wide_table, row)
    block_number = Div (position_column, block_size)
    block = GatherElements <axis: int = 1> (blocks, block_number)
    place_in_block = Mod (position_column, block_size)
    place = Concat <axis: int = 1> (block, place_in_block)
    new_keys = CastLike (turned_key, key_cache)
    key_cache_out = ScatterND (key_cache, place, new_keys)
    new_values = Reshape (flat_value, key_shape)
    value_cache_out = ScatterND (value_cache, place, new_values)

    mapped = Max (blocks, zero)
    keep = Constant <value_ints: ints = [0]> ()
    context_shape = Concat <axis: int = 0> (keep, rest, k, d)
    key_blocks = Gather (key_cache_out, mapped)
    keys = Reshape (key_blocks, context_shape)
    wide_keys = Cast <to: int = 1> (keys)
    keys_by_head = Transpose <perm: ints = [0, 2, 3, 1]> (wide_keys)
    value_blocks = Gather (value_cache_out, mapped)
    values = Reshape (value_blocks, context_shape)
    wide_values = Cast <to: int = 1> (values)
    values_by_head = Transpose <perm: ints = [0, 2, 1, 3]> (wide_values)

    group_shape = Concat <axis: int = 0> (keep, k, rest, d)
    queries = Reshape (turned_query, group_shape)
    products = MatMul (queries, keys_by_head)
    factor = Constant <value_float: float = @scale> ()
    scores = Mul (products, factor)
    row_blocks = Shape <start: int = 1, end: int = 2> (table)
    context = Mul (row_blocks, block_size)
    context_scalar = Squeeze (context, axis_0)
    context_index = Range (zero, context_scalar, one)
    distance = Sub (position_column, context_index)
    is_past = GreaterOrEqual (distance, zero)
    window = Constant <value_int: int = @local_window_size> ()
    is_open = Less (window, one)
    is_near = Less (distance, window)
    is_within = Or (is_open, is_near)
    is_seen = And (is_past, is_within)
    mask = Unsqueeze (is_seen, axes_1_2)
    lowest = Constant <value_float: float = -3.4e38> ()
    masked = Where (mask, scores, lowest)
    weights = Softmax <axis: int = -1> (masked)
    attended = MatMul (weights, values_by_head)
    flat_shape = Concat <axis: int = 0> (keep, rest)
    flat = Reshape (attended, flat_shape)
    output = CastLike (flat, flat_query)
}}
"""

PACKED_OPENING = """
    query_width = Mul (h, d)
    key_width = Mul (k, d)
    all_widths = Concat <axis: int = 0> (query_width, key_width, key_width)
    flat_query, flat_key, flat_value = Split <axis: int = 1> (query, all_widths)
"""
OPENING = """
    flat_query = Identity (query)
    flat_key = Identity (key)
    flat_value = Identity (value)
"""


def without_paged_attention(model: ModelProto) -> ModelProto:
    """The same model in which PagedAttention is a function of plain operators."""
    copy = ModelProto()
    copy.CopyFrom(model)
    names = {_replace(node) for node in _attentions(copy.graph)}
    if not names:
        return copy
    [opset] = [entry.version for entry in model.opset_import if entry.domain == ""]
    copy.functions.extend(_definition(name, opset) for name in sorted(names))
    copy.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return copy


def _attentions(graph: GraphProto) -> Iterable[NodeProto]:
    """In the graph and in the branches of its nodes."""
    for node in graph.node:
        if node.op_type == "PagedAttention":
            yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _attentions(attribute.g)


def _replace(node: NodeProto) -> str:
    """Make a node a call of its definition, whose name is returned."""
    unknown = [a.name for a in node.attribute if a.name in UNSUPPORTED and (a.f or a.i)]
    unknown += [name for name in node.input[TAKEN:16] if name]
    if unknown:
        raise ExportError(
            f"{node.name}: {', '.join(unknown)} cannot be verified with a paged cache"
        )
    inputs = [name for name in node.input[:TAKEN] if name]
    attributes = [a for a in node.attribute if a.name in ATTRIBUTES]
    name = "PagedAttention" if node.input[1] else "PackedPagedAttention"
    node.op_type = name
    node.domain = DOMAIN
    del node.input[:], node.attribute[:]
    node.input.extend(inputs)
    node.attribute.extend(attributes)
    return name


def _definition(name: str, opset: int) -> FunctionProto:
    is_packed = name == "PackedPagedAttention"
    text = DEFINITION.format(
        domain=DOMAIN,
        opset=opset,
        name=name,
        inputs="query" if is_packed else "query, key, value",
        opening=PACKED_OPENING if is_packed else OPENING,
    )
    return onnx.parser.parse_function(text)
