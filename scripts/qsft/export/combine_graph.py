"""The combination of both models as a graph: `qsft.policy.extraction.extract` in ONNX."""

from collections.abc import Mapping

import numpy as np
import onnx.parser
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, helper, numpy_helper

from qsft.policy.extraction import RESERVED_LOGIT, RESERVED_SCORE

# Tokens whose probabilities are summed for whoever draws one: a sum is found first, then its token.
RUN_LENGTH = 64

Constant = NDArray[np.generic] | np.float32

# N scored rows, V tokens; constants are added as initializers. A line on (N, V) is a pass over the
# memory, and they add up in a big batch: the form is chosen for few and fast ones.
# - adding the lowest float32 gives exactly the lowest float32: no selection is needed to mask;
# - π_φ^ratio is 1 or π_φ, so that q = min(p_θ / π_φ^ratio, 1) is either form without a branch;
# - log Σ exp(scores) is one score minus its log-probability;
# - where β is 0 no token counts as supported: q is 0 even if the value cache holds rubbish.
COMBINE = """
combine (
    float[scored, {vocab}] behavior_logits, float[scored, {vocab}] value_logits,
    float[scored] beta, float[scored] behavior_weight, float[scored] ratio
) => (
    float[scored, {vocab}] scores, float[scored, {vocab}] behavior_logprobs,
    float[scored, {vocab}] value_probs, float[scored] log_normalizer, float[scored] kl,
    int64[scored] argmax
) {{
    reserved_logits = Max (reserved_scores, reserved_logit)
    emittable = Exp (reserved_scores)
    masked_logits = Add (behavior_logits, reserved_logits)
    behavior_logprobs = LogSoftmax <axis = -1> (masked_logits)
    value = Softmax <axis = -1> (value_logits)
    value_probs = Mul (value, emittable)

    ratio_column = Unsqueeze (ratio, last_axis)
    beta_column = Unsqueeze (beta, last_axis)
    log_divisor = Mul (ratio_column, behavior_logprobs)
    divisor = Exp (log_divisor)
    quotient = Div (value, divisor)
    clamped = Min (quotient, one)
    is_idle = Equal (beta_column, zero)
    threshold = Where (is_idle, unreachable, support_threshold)
    unsupported = Less (divisor, threshold)
    q = Where (unsupported, zero, clamped)

    weight_column = Unsqueeze (behavior_weight, last_axis)
    weighted_behavior = Mul (weight_column, behavior_logprobs)
    weighted_value = Mul (beta_column, q)
    weighted = Add (weighted_behavior, weighted_value)
    scores = Add (weighted, reserved_scores)

    log_policy = LogSoftmax <axis = -1> (scores)
    policy = Exp (log_policy)
    log_ratio = Sub (log_policy, behavior_logprobs)
    divergence = Mul (policy, log_ratio)
    kl = ReduceSum <keepdims = 0> (divergence, last_axis)

    best = ArgMax <axis = -1, keepdims = 1> (scores)
    argmax = Squeeze (best, last_axis)
    best_score = GatherElements <axis = -1> (scores, best)
    best_log_policy = GatherElements <axis = -1> (log_policy, best)
    normalizer_column = Sub (best_score, best_log_policy)
    log_normalizer = Squeeze (normalizer_column, last_axis)
}}
"""

# The same bits for rows of β 0 and behavior_weight 1, without p_θ.
COMBINE_BEHAVIOR = """
combine_behavior (float[scored, {vocab}] behavior_logits, float[scored] beta) => (
    float[scored, {vocab}] scores, float[scored, {vocab}] behavior_logprobs,
    float[scored, {vocab}] value_probs, float[scored] log_normalizer, float[scored] kl,
    int64[scored] argmax
) {{
    reserved_logits = Max (reserved_scores, reserved_logit)
    masked_logits = Add (behavior_logits, reserved_logits)
    behavior_logprobs = LogSoftmax <axis = -1> (masked_logits)
    shape = Shape (behavior_logits)
    value_probs = ConstantOfShape (shape)
    scores = Add (behavior_logprobs, reserved_scores)
    log_policy = LogSoftmax <axis = -1> (scores)
    kl = Sub (beta, beta)

    best = ArgMax <axis = -1, keepdims = 1> (scores)
    argmax = Squeeze (best, last_axis)
    best_score = GatherElements <axis = -1> (scores, best)
    best_log_policy = GatherElements <axis = -1> (log_policy, best)
    normalizer_column = Sub (best_score, best_log_policy)
    log_normalizer = Squeeze (normalizer_column, last_axis)
}}
"""


def combine_graph(
    vocab_size: int, reserved_token_ids: tuple[int, ...], support_threshold: float
) -> GraphProto:
    """The graph from both models' logits and the step weights to the policy's outputs."""
    constants = {
        "support_threshold": np.float32(support_threshold),
        "unreachable": np.float32(2),  # more than any probability
        "zero": np.float32(0),
        "one": np.float32(1),
    }
    return _parse(COMBINE, vocab_size, _mask(vocab_size, reserved_token_ids) | constants)


def combine_behavior_graph(vocab_size: int, reserved_token_ids: tuple[int, ...]) -> GraphProto:
    """The graph from the behavior model's logits to the same outputs, where every β is 0."""
    return _parse(COMBINE_BEHAVIOR, vocab_size, _mask(vocab_size, reserved_token_ids))


def add_run_masses(graph: GraphProto) -> None:
    """Let a combination say what each run of tokens holds of π̂: `run_masses`, (N, V / RUN_LENGTH).

    Only of a vocabulary that runs divide: others end in the middle of a vector register, where the
    last bit of an exponential hangs on how many rows are before it.
    """
    vocab_size = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    if vocab_size % RUN_LENGTH:
        return
    if not any("policy" in node.output for node in graph.node):
        graph.node.append(helper.make_node("Exp", ["log_policy"], ["policy"], "policy"))
    shape = np.array([0, -1, RUN_LENGTH], dtype=np.int64)
    graph.initializer.append(numpy_helper.from_array(shape, "run_shape"))
    graph.node.append(helper.make_node("Reshape", ["policy", "run_shape"], ["runs"], "runs"))
    graph.node.append(
        helper.make_node(
            "ReduceSum", ["runs", "last_axis"], ["run_masses"], "run_masses", keepdims=0
        )
    )
    size = ["scored", vocab_size // RUN_LENGTH]
    graph.output.append(helper.make_tensor_value_info("run_masses", TensorProto.FLOAT, size))


def _mask(vocab_size: int, reserved_token_ids: tuple[int, ...]) -> dict[str, Constant]:
    reserved_scores = np.zeros(vocab_size, dtype=np.float32)
    reserved_scores[list(reserved_token_ids)] = RESERVED_SCORE
    return {
        "reserved_scores": reserved_scores,
        "reserved_logit": np.float32(RESERVED_LOGIT),
        "last_axis": np.array([-1], dtype=np.int64),
    }


def _parse(text: str, vocab_size: int, constants: Mapping[str, Constant]) -> GraphProto:
    graph = onnx.parser.parse_graph(text.format(vocab=vocab_size))
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    return graph
