"""The export's last step: PyTorch against ONNX Runtime on random prompts. A difference is an error.

Three questions, each with its limit: do the two graphs give PyTorch's logits; does the step graph
combine them as `qsft.policy.extraction` does; is its answer the same however the prompts are run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from qsft.export.builder import DecoderShape
from qsft.export.contract import (
    COMBINATION_FILE,
    LOGITS,
    MODEL_ROLES,
    STEP_FILE,
    USE_VALUE,
    ModelRole,
    graph_file,
)
from qsft.export.differences import check_limits, divergence, largest_difference, outputs_of
from qsft.export.graph_runner import Array, policy_inputs
from qsft.export.options import ExportError, ExportOptions, Verification
from qsft.export.paged_runner import open_runner
from qsft.export.schedules import Run, batched, chunked, mixed, run_schedule, whole
from qsft.export.torch_reference import torch_logits
from qsft.policy.extraction import (
    PolicyParameters,
    PolicyStep,
    StepWeights,
    extract,
    extract_behavior,
    step_weights,
)

PROMPTS = 8
SHORTEST, LONGEST = 8, 64  # tokens
DECODED = 5  # how many of each prompt's tokens the batched schedule decodes one by one

PARAMETERS = [
    PolicyParameters("kl", 4.0, "probability"),
    PolicyParameters("kl", 16.0, "ratio"),
    PolicyParameters("entropy", 8.0, "probability"),
    PolicyParameters("entropy", 2.0, "ratio"),
    PolicyParameters("greedy", 1.0, "probability"),
    PolicyParameters("behavior", 1.0, "probability"),
]


def verify_policy(
    checkpoint: Path, folder: Path, options: ExportOptions, shape: DecoderShape
) -> Verification:
    """Compare the folder's three graphs with the checkpoint's models; raise if they differ."""
    longest = min(LONGEST, shape.max_length)
    prompts = random_prompts(shape.vocab_size, longest)
    lengths = [len(prompt) for prompt in prompts]
    expected = {role: torch_logits(checkpoint, role, prompts) for role in MODEL_ROLES}
    actual = {
        role: _onnx_logits(folder / graph_file(role), prompts, longest, options)
        for role in MODEL_ROLES
    }
    weights = [step_weights(PARAMETERS[i % len(PARAMETERS)]) for i in range(sum(lengths))]
    runner = open_runner(folder / STEP_FILE, options, PROMPTS, longest)

    # The ratio jumps where π_φ crosses the support threshold: compared on equal logits only.
    jumping = [
        row if far else replace(row, ratio=0.0)
        for row, far in zip(weights, _far_from_threshold(actual["behavior"], options), strict=True)
    ]
    combined = run_schedule(runner, prompts, whole(lengths), policy_inputs(jumping))
    combined_reference = outputs_of(_extract(actual, jumping, options))
    apart = combined
    if (folder / COMBINATION_FILE).exists():
        apart = _combine_apart(folder / COMBINATION_FILE, actual, policy_inputs(jumping))

    smooth = [replace(row, ratio=0.0) for row in weights]
    at_once, *otherwise = [
        run_schedule(runner, prompts, schedule, policy_inputs(smooth))
        for schedule in _schedules(lengths, options)
    ]
    verification = Verification(
        positions=sum(lengths),
        kl={role: divergence(expected[role], actual[role]) for role in MODEL_ROLES}
        | {
            "policy": divergence(
                _extract(expected, smooth, options).scores, torch.from_numpy(at_once["scores"])
            )
        },
        logits_difference=max(
            largest_difference({LOGITS: actual[role].numpy()}, {LOGITS: expected[role].numpy()})
            for role in MODEL_ROLES
        ),
        combination_difference=max(
            largest_difference(outputs, combined_reference) for outputs in (combined, apart)
        ),
        schedule_difference=max(
            largest_difference(other, {name: at_once[name] for name in combined_reference})
            for other in otherwise
        ),
    )
    if not np.array_equal(combined["argmax"], combined["scores"].argmax(-1)):
        raise ExportError("the graph's argmax is not the lowest id with the largest score")
    check_limits(verification, options)
    return verification


def random_prompts(vocab_size: int, longest: int) -> list[list[int]]:
    """One as long as the cache, the others of any length."""
    generator = np.random.default_rng(0)
    lengths = [longest, *generator.integers(SHORTEST, longest, PROMPTS - 1, endpoint=True)]
    return [generator.integers(0, vocab_size, length).tolist() for length in lengths]


def _schedules(lengths: Sequence[int], options: ExportOptions) -> list[list[Run]]:
    """Each prompt at once, and the other ways in which the server may run it."""
    ways = [whole(lengths), chunked(lengths), batched(lengths, DECODED)]
    return ways if options.block_size is None else [*ways, mixed(lengths, DECODED)]


def _onnx_logits(
    graph: Path, prompts: Sequence[Sequence[int]], longest: int, options: ExportOptions
) -> Tensor:
    """Logits at every position, (positions, V)."""
    runner = open_runner(graph, options, 1, longest)
    schedule = whole([len(prompt) for prompt in prompts])
    return torch.from_numpy(run_schedule(runner, prompts, schedule, {})[LOGITS])


def _combine_apart(
    graph: Path, logits: Mapping[ModelRole, Tensor], weights: Mapping[str, Array]
) -> dict[str, Array]:
    """What the combination makes of the models' logits when it is run alone."""
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    feeds = {f"{role}_{LOGITS}": logits[role].numpy() for role in MODEL_ROLES}
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {**feeds, **weights, USE_VALUE: np.array(True)})
    return dict(zip(names, outputs, strict=True))


def _far_from_threshold(behavior_logits: Tensor, options: ExportOptions) -> list[bool]:
    """Whether no token's π_φ is so near the support threshold that rounding decides its side."""
    probabilities = extract_behavior(behavior_logits, options.reserved_token_ids).exp()
    distance = (probabilities / options.support_threshold - 1).abs()
    return [bool(far) for far in (distance > 1e-3).all(-1)]


def _extract(
    logits: Mapping[ModelRole, Tensor], weights: Sequence[StepWeights], options: ExportOptions
) -> PolicyStep:
    return extract(
        logits["behavior"],
        logits["value"],
        weights,
        options.reserved_token_ids,
        options.support_threshold,
    )
