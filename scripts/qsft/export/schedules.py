"""The ways in which a server may run the same prompts; all must give the same outputs.

ONNX Runtime's GroupQueryAttention takes several tokens after a non-empty past only in a batch of
one: a later chunk of a prompt runs alone, and a batch prefills only from the start. Its
PagedAttention takes any mixture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from qsft.export.graph_runner import Array, Chunk, GraphRunner


@dataclass(frozen=True)
class Segment:
    """Tokens `start` to `stop` of one prompt: one row of a run."""

    prompt: int
    start: int
    stop: int


Run = list[Segment]


def whole(lengths: Sequence[int]) -> list[Run]:
    """Each prompt alone, in one run."""
    return [[Segment(prompt, 0, length)] for prompt, length in enumerate(lengths)]


def chunked(lengths: Sequence[int]) -> list[Run]:
    """Each prompt alone, in two runs, the second after a past."""
    runs = []
    for prompt, length in enumerate(lengths):
        cut = length // 3
        runs += [[Segment(prompt, 0, cut)], [Segment(prompt, cut, length)]]
    return runs


def batched(lengths: Sequence[int], decoded: int) -> list[Run]:
    """All prompts at once: prefill padded on the right, then the last tokens one by one."""
    prefill = [Segment(prompt, 0, length - decoded) for prompt, length in enumerate(lengths)]
    decode = [
        [Segment(row.prompt, row.stop + step, row.stop + step + 1) for row in prefill]
        for step in range(decoded)
    ]
    return [prefill, *decode]


def mixed(lengths: Sequence[int], decoded: int) -> list[Run]:
    """As `batched`, but every other prompt is prefilled in chunks while the rest decodes."""
    starts = [
        length - decoded if prompt % 2 == 0 else length // 3
        for prompt, length in enumerate(lengths)
    ]
    cuts = [
        [start + (length - start) * step // decoded for step in range(decoded + 1)]
        for start, length in zip(starts, lengths, strict=True)
    ]
    prefill = [Segment(prompt, 0, start) for prompt, start in enumerate(starts)]
    return [prefill] + [
        [Segment(prompt, *own[step : step + 2]) for prompt, own in enumerate(cuts)]
        for step in range(decoded)
    ]


def run_schedule(
    runner: GraphRunner,
    prompts: Sequence[Sequence[int]],
    schedule: Sequence[Run],
    weights: Mapping[str, Array],  # (positions,) each: beta, behavior_weight, ratio
) -> dict[str, Array]:
    """Every position's outputs, prompt after prompt, whatever the order of the runs."""
    first = [0, *accumulate(len(prompt) for prompt in prompts)]
    positions: list[int] = []
    outputs: list[dict[str, Array]] = []
    for run in schedule:
        chunks = [Chunk(row.start, prompts[row.prompt][row.start : row.stop]) for row in run]
        scored = [first[row.prompt] + i for row in run for i in range(row.start, row.stop)]
        extra = {name: values[scored] for name, values in weights.items()}
        outputs.append(runner.run(chunks, runner.flat_positions(chunks), extra))
        positions += scored
    in_order = np.argsort(positions)
    return {
        name: np.concatenate([output[name] for output in outputs])[in_order] for name in outputs[0]
    }
