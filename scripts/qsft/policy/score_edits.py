"""What a request changes of the combined scores before a token is drawn.

In this order: penalties, `logit_bias`, and what masks tokens: no ending until `min_tokens`, none
but those allowed, none that would complete a banned row. Penalties act on log π̂, which is never
positive: the rule that divides a positive logit by the repetition penalty and multiplies a negative
one is then the product alone, and no constant in the scores can change it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsft.policy.extraction import RESERVED_SCORE


@dataclass(frozen=True)
class ScoreEdits:
    """What one request may change; the defaults change nothing."""

    repetition_penalty: float = 1.0  # of tokens in the prompt or the answer
    presence_penalty: float = 0.0  # of tokens in the answer
    frequency_penalty: float = 0.0  # for each time a token is in the answer
    logit_bias: tuple[tuple[int, float], ...] = ()
    min_tokens: int = 0
    allowed_token_ids: tuple[int, ...] | None = None  # None allows all
    banned_sequences: tuple[tuple[int, ...], ...] = ()  # rows that the answer may not have


def edit_scores(
    scores: NDArray[np.float32],  # (V,)
    log_normalizer: float,  # log Σ exp(scores), as a float32
    edits: ScoreEdits,
    prompt_ids: Sequence[int],
    answer_ids: Sequence[int],
    ending_ids: Collection[int],
) -> NDArray[np.float32]:
    """The scores to sample from, (V,); every edit rounds to float32."""
    edited = scores.copy()
    emittable = set((scores > RESERVED_SCORE).nonzero()[0].tolist())
    for token in emittable & {*prompt_ids, *answer_ids}:
        count = answer_ids.count(token)
        log_policy = float(scores[token]) - log_normalizer
        penalty = edits.frequency_penalty * count + edits.presence_penalty * (count > 0)
        edited[token] = log_normalizer + edits.repetition_penalty * log_policy - penalty
    for token, bias in edits.logit_bias:
        if token in emittable:
            edited[token] = float(edited[token]) + bias
    if len(answer_ids) < edits.min_tokens:
        edited[list(ending_ids)] = RESERVED_SCORE
    if edits.allowed_token_ids is not None:
        others = np.ones(len(edited), dtype=bool)
        others[list(edits.allowed_token_ids)] = False
        edited[others] = RESERVED_SCORE
    return _without_banned(edited, edits.banned_sequences, answer_ids)


def _without_banned(
    scores: NDArray[np.float32],
    banned_sequences: Sequence[Sequence[int]],
    answer_ids: Sequence[int],
) -> NDArray[np.float32]:
    """Mask what would complete a row, unless nothing else is left: a draw needs some token."""
    masked = scores.copy()
    for *beginning, last in banned_sequences:
        if list(answer_ids[len(answer_ids) - len(beginning) :]) == beginning:
            masked[last] = RESERVED_SCORE
    return masked if (masked > RESERVED_SCORE).any() else scores
