"""How a graph takes the KV cache: a slot a sequence, or blocks that a table gives out."""

from dataclasses import dataclass

from qsft.export.contract import (
    ATTENTION_METADATA,
    BLOCK_TABLE,
    CUMULATIVE_LENGTHS,
    PAST_LENGTHS,
    SEQLENS_K,
    TOTAL_SEQUENCE_LENGTH,
)

Shape = list[str | int]


@dataclass(frozen=True)
class LengthInput:
    """An int32 input that says where a run's tokens belong, and its place in the attention."""

    name: str
    position: int  # among the operator's inputs
    shape: tuple[str | int, ...]


@dataclass(frozen=True)
class CacheLayout:
    """An attention operator, what the model builder must be told of it and what it takes."""

    operator: str
    builder_options: tuple[str, ...]
    tokens: tuple[str, ...]  # the axes of `input_ids`
    lengths: tuple[LengthInput, ...]
    cache: tuple[str, ...]  # the axes of a layer's keys, and of its values

    def cache_shape(self, kv_heads: int, head_dim: int) -> Shape:
        known = {"kv_heads": kv_heads, "head_dim": head_dim}
        return [known.get(axis, axis) for axis in self.cache]


SLOTS = CacheLayout(
    operator="GroupQueryAttention",
    builder_options=(),
    tokens=("batch", "sequence"),
    lengths=(
        LengthInput(SEQLENS_K, 5, ("batch",)),
        LengthInput(TOTAL_SEQUENCE_LENGTH, 6, ()),
    ),
    cache=("batch", "kv_heads", "cache_length", "head_dim"),
)

PAGED = CacheLayout(
    operator="PagedAttention",
    builder_options=("use_paged_attention=true",),
    tokens=("tokens",),
    lengths=(
        LengthInput(CUMULATIVE_LENGTHS, 5, ("batch_and_one",)),
        LengthInput(PAST_LENGTHS, 6, ("batch",)),
        LengthInput(BLOCK_TABLE, 7, ("batch", "row_blocks")),
        LengthInput(ATTENTION_METADATA, 16, (3,)),
    ),
    cache=("blocks", "block_size", "kv_heads", "head_dim"),
)
