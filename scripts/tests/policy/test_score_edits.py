"""Score edits on rows whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qsft.policy.extraction import RESERVED_SCORE
from qsft.policy.score_edits import ScoreEdits, edit_scores

PROBABILITIES = [0.5, 0.25, 0.125, 0.125]


def edited_policy(
    edits: ScoreEdits, prompt: list[int], answer: list[int], shift: float = 0.0
) -> NDArray[np.float64]:
    """log π̂ after the edits, up to a constant; the first token is reserved."""
    policy = np.log(np.array(PROBABILITIES, dtype=np.float32)) + np.float32(shift)
    scores = np.array([RESERVED_SCORE, *policy], dtype=np.float32)
    return edit_scores(scores, shift, edits, prompt, answer, [2]).astype(np.float64) - shift


def test_no_edits_change_nothing() -> None:
    edited = edited_policy(ScoreEdits(), [1, 2], [3])
    assert edited[1:] == pytest.approx(np.log(PROBABILITIES))


def test_repetition_multiplies_the_log_probability_of_prompt_and_answer() -> None:
    edited = edited_policy(ScoreEdits(repetition_penalty=2.0), [1], [3])
    assert np.exp(edited[1:]) == pytest.approx([0.25, 0.25, 0.125**2, 0.125])


@given(st.floats(-100, 100))
def test_a_constant_in_the_scores_changes_no_penalty(shift: float) -> None:
    edits = ScoreEdits(1.5, 0.5, 0.25)
    plain, shifted = (edited_policy(edits, [1], [3, 3], by) for by in (0.0, shift))
    np.testing.assert_allclose(plain[1:], shifted[1:], atol=1e-4)


def test_presence_counts_once_and_frequency_each_time_in_the_answer_alone() -> None:
    edited = edited_policy(ScoreEdits(1.0, 1.0, 0.25), [1], [3, 3, 4])
    assert edited[1:] - np.log(PROBABILITIES) == pytest.approx([0, 0, -1.5, -1.25], abs=1e-6)


def test_bias_is_added_and_never_frees_a_reserved_token() -> None:
    edited = edited_policy(ScoreEdits(logit_bias=((0, 100.0), (4, -3.0))), [], [])
    assert edited[0] == RESERVED_SCORE
    assert edited[4] - np.log(0.125) == pytest.approx(-3.0)


def test_only_allowed_tokens_are_left() -> None:
    edited = edited_policy(ScoreEdits(allowed_token_ids=(0, 3)), [], [])
    assert (edited > RESERVED_SCORE).nonzero()[0].tolist() == [3]


@pytest.mark.parametrize(
    ("answer", "left"), [([], [2, 3, 4]), ([3], [2, 3]), ([3, 3], [2]), ([4, 3], [2, 3])]
)
def test_what_would_complete_a_banned_row_is_masked(answer: list[int], left: list[int]) -> None:
    edits = ScoreEdits(banned_sequences=((1,), (3, 4), (3, 3, 3)))
    edited = edited_policy(edits, [], answer)
    assert (edited > RESERVED_SCORE).nonzero()[0].tolist() == left


def test_a_ban_that_would_leave_nothing_is_lifted() -> None:
    edits = ScoreEdits(allowed_token_ids=(2, 3), banned_sequences=((2,), (3,)))
    edited = edited_policy(edits, [], [])
    assert (edited > RESERVED_SCORE).nonzero()[0].tolist() == [2, 3]


def test_nothing_ends_before_min_tokens() -> None:
    edits = ScoreEdits(logit_bias=((2, 100.0),), min_tokens=2)
    assert edited_policy(edits, [], [1])[2] == RESERVED_SCORE
    assert edited_policy(edits, [], [1, 1])[2] > 0
