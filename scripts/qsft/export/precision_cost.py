"""What a precision costs against fp32: KL(π̂_fp32 ‖ π̂) of each token, at the policy's defaults.

Measured after verification, on the agent's tokens of held-out trajectories where there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsft.encoding import load_tokenizer, load_trajectories
from qsft.export.builder import DecoderShape
from qsft.export.contract import MODEL_ROLES, STEP_FILE
from qsft.export.differences import row_divergences, summarize
from qsft.export.graph_runner import policy_inputs
from qsft.export.options import ExportOptions, PrecisionCost
from qsft.export.paged_runner import open_runner
from qsft.export.schedules import run_schedule, whole
from qsft.export.torch_reference import prompt_logits
from qsft.export.verify import LONGEST, random_prompts
from qsft.policy.extraction import extract, step_weights

TRAJECTORIES = 64  # of the held-out data, spread over it


@dataclass(frozen=True)
class Sample:
    """Prompts, and which of their positions say what the agent emits next; (positions,)."""

    data: str
    prompts: Sequence[Sequence[int]]
    decides: Tensor


def measure_cost(
    checkpoint: Path, folder: Path, options: ExportOptions, shape: DecoderShape
) -> PrecisionCost:
    """PyTorch in float32 against the folder's step graph."""
    if options.held_out is None:
        sample = _random_sample(shape)
    else:
        sample = _held_out_sample(options.held_out, checkpoint, shape.max_length)
    lengths = [len(prompt) for prompt in sample.prompts]
    logits = (prompt_logits(checkpoint, role, sample.prompts) for role in MODEL_ROLES)
    runner = open_runner(folder / STEP_FILE, options, 1, max(lengths))
    kl = []
    # Prompt by prompt: of all positions together, a large vocabulary would take tens of gigabytes.
    prompts = zip(sample.prompts, torch.split(sample.decides, lengths), *logits, strict=True)
    for prompt, decides, behavior, value in prompts:
        weights = [step_weights(options.defaults)] * len(prompt)
        expected = extract(
            behavior, value, weights, options.reserved_token_ids, options.support_threshold
        )
        outputs = run_schedule(runner, [prompt], whole([len(prompt)]), policy_inputs(weights))
        actual = torch.from_numpy(outputs["scores"])
        kl.append(row_divergences(expected.scores[decides], actual[decides]))
    tokens = int(sample.decides.sum())
    return PrecisionCost(data=sample.data, tokens=tokens, kl=summarize(torch.cat(kl)))


def calibration_prompts(
    checkpoint: Path, options: ExportOptions, shape: DecoderShape
) -> Sequence[Sequence[int]]:
    """Other held-out trajectories than those that the cost is measured on, if there are enough."""
    if options.held_out is None:
        return random_prompts(shape.vocab_size, min(LONGEST, shape.max_length))
    data = load_trajectories(options.held_out, load_tokenizer(checkpoint), shape.max_length)
    measured = _spread(len(data))
    between = np.setdiff1d((measured[:-1] + measured[1:]) // 2, measured)
    rows = between if len(between) else measured
    return [data.ids[row, : data.lengths[row]].tolist() for row in rows]


def _random_sample(shape: DecoderShape) -> Sample:
    prompts = random_prompts(shape.vocab_size, min(LONGEST, shape.max_length))
    decides = torch.ones(sum(map(len, prompts)), dtype=torch.bool)
    return Sample("verification prompts: random tokens", prompts, decides)


def _held_out_sample(path: Path, checkpoint: Path, max_length: int) -> Sample:
    data = load_trajectories(path, load_tokenizer(checkpoint), max_length)
    rows = _spread(len(data))
    # A position decides the token after it; the last one decides none.
    prompts = [data.ids[row, : data.lengths[row]].tolist() for row in rows]
    decides = [np.append(data.is_action[row, 1 : data.lengths[row]], False) for row in rows]
    return Sample(path.name, prompts, torch.from_numpy(np.concatenate(decides)))


def _spread(count: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, TRAJECTORIES).astype(np.intp))
