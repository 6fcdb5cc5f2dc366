"""What the server's promise rests on: a row's outputs do not depend on what it is run with.

As long as no query of attention is alone in its block of an even number of rows, and decoding,
where every one is, is not compared with prefill.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_models import MakeCheckpoint, llama
from twin_checkpoints import make_twin_checkpoint

from qsft.export.contract import STEP_FILE, Precision
from qsft.export.graph_runner import Array, Chunk, GraphRunner, policy_inputs
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options
from qsft.policy.extraction import PolicyParameters, step_weights

PROMPT, DECODED, ROWS = 40, 3, 6
OUTPUTS = ("scores", "behavior_logprobs", "value_probs", "log_normalizer", "kl", "argmax")
TOKENS = np.random.default_rng(0).integers(3, 58, (ROWS, PROMPT + DECODED)).tolist()


def columns(rows: int) -> dict[str, Array]:
    return policy_inputs([step_weights(PolicyParameters("kl", 64.0))] * rows)


def answer(folder: Path, threads: int, chunk: int, rows: int) -> list[Array]:
    """The outputs of the first row: at the prompt's end, then of each decode step."""
    runner = GraphRunner(folder / STEP_FILE, ROWS, 64, threads)
    steps = []
    for start in range(0, PROMPT, chunk):
        ids = TOKENS[0][start : min(start + chunk, PROMPT)]
        outputs = runner.run([Chunk(start, ids)], [len(ids) - 1], columns(1))
    steps.append(outputs)
    for step in range(DECODED):
        # The others are elsewhere in their slots, whatever those hold.
        pasts = [PROMPT + step, *(5 * row + step for row in range(1, rows))]
        chunks = [Chunk(past, [TOKENS[row][past]]) for row, past in enumerate(pasts)]
        steps.append(runner.run(chunks, range(rows), columns(rows)))
    return [step[name][0] for step in steps for name in OUTPUTS]


@pytest.mark.parametrize("int8_cache", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_chunks_batches_and_threads_leave_every_bit(
    precision: Precision, int8_cache: bool, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), precision=precision, int8_cache=int8_cache)
    folder = export_policy(make_checkpoint(llama()), tmp_path / "out", options).folder
    expected = answer(folder, threads=1, chunk=PROMPT, rows=1)
    for threads, chunk, rows in [(1, 2, 1), (1, 8, ROWS), (2, 16, 2), (2, PROMPT, ROWS)]:
        for actual, alone in zip(answer(folder, threads, chunk, rows), expected, strict=True):
            assert np.array_equal(actual, alone), (threads, chunk, rows)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_chunks_batches_and_threads_leave_every_bit_of_a_quantized_twin(
    precision: Precision, tmp_path: Path
) -> None:
    checkpoint = make_twin_checkpoint(tmp_path / "checkpoint", llama())
    options = replace(tiny_options(), precision=precision, twin=True)
    folder = export_policy(checkpoint, tmp_path / "out", options).folder
    expected = answer(folder, threads=1, chunk=PROMPT, rows=1)
    for threads, chunk, rows in [(1, 8, ROWS), (2, 16, 2)]:
        for actual, alone in zip(answer(folder, threads, chunk, rows), expected, strict=True):
            assert np.array_equal(actual, alone), (threads, chunk, rows)


@pytest.mark.parametrize(("precision", "bound"), [("fp32", 1e-5), ("int8", 0.1), ("int4", 0.1)])
def test_a_cache_of_decoded_tokens_differs_by_rounding(
    precision: Precision, bound: float, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    """As after a prefix hit on an answer. Rounding activations to int8 magnifies the last bit."""
    options = replace(tiny_options(), precision=precision)
    folder = export_policy(make_checkpoint(llama()), tmp_path / "out", options).folder
    prefilled, decoded = (answer(folder, threads=1, chunk=chunk, rows=1) for chunk in (PROMPT, 1))
    index = OUTPUTS.index("behavior_logprobs")
    step = len(OUTPUTS)
    differences = [
        np.abs(one - other)[3:].max()  # reserved ids are near −1e9
        for one, other in zip(prefilled[index::step], decoded[index::step], strict=True)
    ]
    assert max(differences) < bound
