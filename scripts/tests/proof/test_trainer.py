"""The trainer's whole path, from trajectories to θ, ends at Q* in a game of two utterances.

An utterance is two letters and the environment replies in between, so the next state of an
utterance's last letter lies after the reply, and γ per token and per turn differ.
"""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import LEFTOVER_ID, RESERVED_IDS, fit_data, letter_tokenizer, run_config, trajectory
from tables import PrefixTable

from qsft.config import StageConfig, ValueConfig
from qsft.targets import GammaMode
from qsft.training.behavior import BehaviorStage, predict
from qsft.training.fit import fit
from qsft.training.value import ValueStage

LETTERS = "ab"
MAX_TOKENS = 6  # "s", two letters, the reply, two letters
GAMMA = 0.7
BEHAVIOR = StageConfig(500, 128, 0.1, warmup_steps=10, weight_decay=0.0)
PATHS = ["".join(path) for path in itertools.product(LETTERS, repeat=4)]


def reply(utterance: str) -> str:
    return "x" if utterance in ("aa", "bb") else "y"


def optimal_q(path: str, length: int, rewards: dict[str, float], gammas: list[float]) -> float:
    """Q* of the letter that makes `path` `length` letters long, by trying all that may follow."""
    start = path[:length]
    best = max(reward for other, reward in rewards.items() if other.startswith(start))
    return best * float(np.prod(gammas[length:]))


@pytest.mark.parametrize(
    ("mode", "gammas"),
    # gammas[i] discounts what letter i leads to as seen from letter i − 1.
    [("token", [1.0, GAMMA, GAMMA, GAMMA]), ("turn", [1.0, 1.0, GAMMA, 1.0])],
)
def test_the_learned_ratio_is_the_optimal_value_of_every_token(
    mode: GammaMode, gammas: list[float], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rewards = {path: round(float(rng.random()), 3) for path in PATHS}
    tokenizer = letter_tokenizer("sxy" + LETTERS)
    vocab_size = tokenizer.get_vocab_size()
    items = [
        trajectory("s", path[:2], reply(path[:2]), path[2:], reward=rewards[path])
        for path in PATHS
        for _ in range(rng.integers(1, 6))
    ]
    data = fit_data(items, tokenizer, MAX_TOKENS)
    batch = data.train.first(len(items))
    value = ValueConfig(
        steps=1500,
        batch_size=len(items),
        learning_rate=0.05,
        warmup_steps=10,
        final_learning_rate_share=0.01,
        weight_decay=0.0,
        gamma=GAMMA,
        gamma_mode=mode,
        support_threshold=0.01,
        smoothing="leftover",
        target_rate=0.05,
    )
    run = run_config(BEHAVIOR, value)
    behavior = PrefixTable(batch.ids, vocab_size)
    fit(BehaviorStage("behavior", behavior, "actions"), BEHAVIOR, run, data, tmp_path / "behavior")
    theta = PrefixTable(batch.ids, vocab_size)
    stage = ValueStage(theta, behavior, value, RESERVED_IDS, LEFTOVER_ID, vocab_size)
    fit(stage, value, run, data, tmp_path / "value")

    with torch.no_grad():
        ratios = predict(theta, batch).softmax(2) / predict(behavior, batch).softmax(2)
    chosen = ratios.gather(2, batch.ids[:, 1:, None]).squeeze(2)[batch.is_action[:, 1:]]
    expected = [
        optimal_q(path, length, rewards, gammas)
        for path in ("".join(turn.text for turn in item.turns if turn.is_action) for item in items)
        for length in (1, 2, 3, 4)
    ]
    np.testing.assert_allclose(chosen.numpy(), expected, atol=0.02)
