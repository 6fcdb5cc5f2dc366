"""Names and constants of the step graph, as the server expects them."""

from typing import Literal

Precision = Literal["fp32", "fp16", "bf16", "int8", "int4"]
CacheType = Literal["float32", "float16", "bfloat16", "int8"]
ModelRole = Literal["behavior", "value"]

FORMAT_VERSION = 2
CUDA_PRECISIONS: tuple[Precision, ...] = ("fp16", "bf16")  # the others' attention is float32
MODEL_ROLES: tuple[ModelRole, ...] = ("behavior", "value")

# Inputs that both models share; B rows of S tokens, N scored positions.
INPUT_IDS = "input_ids"  # int64 (B, S)
SEQLENS_K = "seqlens_k"  # int32 (B,): each row's past + S - 1
TOTAL_SEQUENCE_LENGTH = "total_sequence_length"  # int32 (): the largest past + S
SCORE_INDEX = "score_index"  # int64 (N,): flat positions in [0, B·S)

# With a paged cache, instead of the lengths above: the tokens of all rows, one row behind the
# other, T in all. `input_ids` is (T,) then, and `score_index` in [0, T).
CUMULATIVE_LENGTHS = "cumulative_sequence_length"  # int32 (B + 1,): each row's first token, and T
PAST_LENGTHS = "past_seqlens"  # int32 (B,): each row's past
BLOCK_TABLE = "block_table"  # int32 (B, blocks): which hold each row, in order; then -1
ATTENTION_METADATA = "attention_metadata"  # int32 (3,): most tokens of a row, longest row, twice

SHARED_INPUTS = (
    INPUT_IDS,
    SEQLENS_K,
    TOTAL_SEQUENCE_LENGTH,
    CUMULATIVE_LENGTHS,
    PAST_LENGTHS,
    BLOCK_TABLE,
    ATTENTION_METADATA,
    SCORE_INDEX,
)

# Tokens of a block. ONNX Runtime's fastest paged kernels want a multiple of 256 where heads are
# of 64, of 128 or 64 where they are larger.
BLOCK_SIZE = 256

# Of the step graph alone: false when no row needs the value model, which then does not run.
USE_VALUE = "use_value"  # bool ()

LOGITS = "logits"  # float32 (N, V): the only output of one model beside its cache


def cache_type(precision: Precision) -> CacheType:
    """The numbers of a KV cache that is not quantized: what attention computes in."""
    of_16_bits: dict[Precision, CacheType] = {"fp16": "float16", "bf16": "bfloat16"}
    return of_16_bits.get(precision, "float32")


def past_name(layer: int, part: str) -> str:
    """One layer's cache input, `key` or `value`.

    (B, kv_heads, max_length, head_dim), or (blocks, block_size, kv_heads, head_dim) if paged.
    """
    return f"past.{layer}.{part}"


def present_name(layer: int, part: str) -> str:
    """The cache output of one layer, bound to the same buffer as its input."""
    return f"present.{layer}.{part}"


def step_cache_name(role: ModelRole, name: str, first_layer: int = 0) -> str:
    """A cache's name in the step graph, where a model's layers count from `first_layer` on."""
    kind, layer, part = name.split(".")
    return f"{role}.{kind}.{int(layer) - first_layer}.{part}"


def graph_file(role: ModelRole) -> str:
    return f"{role}.onnx"


def weights_file(role: ModelRole) -> str:
    """The external data that the model's own graph and the step graph share."""
    return f"{role}.onnx.data"


STEP_FILE = "step.onnx"
COMBINATION_FILE = "combination.onnx"  # of policies whose models may run side by side
MANIFEST_FILE = "policy.json"
