"""The combination of both models as a graph: `qsft.policy.extraction.extract` in ONNX."""

import numpy as np
import onnx.parser
from onnx import GraphProto, numpy_helper

from qsft.policy.extraction import RESERVED_LOGIT, RESERVED_SCORE

# N scored rows, V tokens. Constants (scalars but for `reserved`, (V,)) are added as initializers.
COMBINE = """
combine (
    float[scored, {vocab}] behavior_logits, float[scored, {vocab}] value_logits,
    float[scored] beta, float[scored] behavior_weight, float[scored] ratio
) => (
    float[scored, {vocab}] scores, float[scored, {vocab}] behavior_logprobs,
    float[scored, {vocab}] value_probs, float[scored] log_normalizer, float[scored] kl,
    int64[scored] argmax
) {{
    masked_logits = Where (reserved, reserved_logit, behavior_logits)
    behavior_logprobs = LogSoftmax <axis = -1> (masked_logits)
    value = Softmax <axis = -1> (value_logits)

    behavior = Exp (behavior_logprobs)
    unclamped = Div (value, behavior)
    clamped = Min (unclamped, one)
    unsupported = Less (behavior, support_threshold)
    value_ratio = Where (unsupported, zero, clamped)
    ratio_column = Unsqueeze (ratio, last_axis)
    wants_ratio = Greater (ratio_column, zero)
    q = Where (wants_ratio, value_ratio, value)

    weight_column = Unsqueeze (behavior_weight, last_axis)
    beta_column = Unsqueeze (beta, last_axis)
    weighted_behavior = Mul (weight_column, behavior_logprobs)
    weighted_value = Mul (beta_column, q)
    unmasked_scores = Add (weighted_behavior, weighted_value)
    scores = Where (reserved, reserved_score, unmasked_scores)
    value_probs = Where (reserved, zero, value)

    normalizer_column = ReduceLogSumExp <keepdims = 1> (scores, last_axis)
    log_normalizer = Squeeze (normalizer_column, last_axis)
    log_policy = Sub (scores, normalizer_column)
    policy = Exp (log_policy)
    log_ratio = Sub (log_policy, behavior_logprobs)
    divergence = Mul (policy, log_ratio)
    kl = ReduceSum <keepdims = 0> (divergence, last_axis)
    argmax = ArgMax <axis = -1, keepdims = 0> (scores)
}}
"""


def combine_graph(
    vocab_size: int, reserved_token_ids: tuple[int, ...], support_threshold: float
) -> GraphProto:
    """The graph from both models' logits and the step weights to the policy's outputs."""
    reserved = np.zeros(vocab_size, dtype=np.bool_)
    reserved[list(reserved_token_ids)] = True
    constants = {
        "reserved": reserved,
        "reserved_logit": np.float32(RESERVED_LOGIT),
        "reserved_score": np.float32(RESERVED_SCORE),
        "support_threshold": np.float32(support_threshold),
        "zero": np.float32(0),
        "one": np.float32(1),
        "last_axis": np.array([-1], dtype=np.int64),
    }
    graph = onnx.parser.parse_graph(COMBINE.format(vocab=vocab_size))
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    return graph
