"""The trainer's whole path, from trajectories to θ, ends at Q* in a game of two utterances.

An utterance is two letters and the environment replies in between, so the next state of an
utterance's last letter lies after the reply, and γ per token and per turn differ.
"""

import copy
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_runs import LEFTOVER_ID, RESERVED_IDS, fit_data, letter_tokenizer, run_config, trajectory
from tables import PrefixTable
from torch import nn

from qsft.config import ModelConfig, StageConfig, ValueConfig
from qsft.models import fresh_model
from qsft.targets import GammaMode
from qsft.training.batches import Batch
from qsft.training.behavior import BehaviorStage, predict
from qsft.training.fit import fit
from qsft.training.value import ValueStage
from qsft.trajectories import Trajectory

LETTERS = "ab"
TOKENIZER = letter_tokenizer("sxy" + LETTERS)
VOCAB_SIZE = TOKENIZER.get_vocab_size()
MAX_TOKENS = 6  # "s", two letters, the reply, two letters
GAMMA = 0.7
PATHS = ["".join(path) for path in itertools.product(LETTERS, repeat=4)]
# Discounts by letter: what it leads to as seen from the letter before it.
GAMMAS: dict[GammaMode, list[float]] = {
    "token": [1.0, GAMMA, GAMMA, GAMMA],
    "turn": [1.0, 1.0, GAMMA, 1.0],
}


def make_games() -> list[Trajectory]:
    """Every path, some often and some rarely; each ends in a random reward."""

    def reply(utterance: str) -> str:
        return "x" if utterance in ("aa", "bb") else "y"

    rng = np.random.default_rng(0)
    rewards = {path: round(float(rng.random()), 3) for path in PATHS}
    return [
        trajectory("s", path[:2], reply(path[:2]), path[2:], reward=rewards[path])
        for path in PATHS
        for _ in range(rng.integers(1, 6))
    ]


def letters_of(game: Trajectory) -> str:
    return "".join(turn.text for turn in game.turns if turn.is_action)


def optimal_values(games: list[Trajectory], gammas: list[float]) -> list[float]:
    """Q* of each letter of each game in turn, by trying all that may follow it."""
    rewards = {letters_of(game): game.total_reward for game in games}
    return [
        max(reward for path, reward in rewards.items() if path.startswith(letters[:end]))
        * math.prod(gammas[end:])
        for letters in map(letters_of, games)
        for end in (1, 2, 3, 4)
    ]


def learned_ratios(
    make_model: Callable[[Batch], nn.Module],
    games: list[Trajectory],
    behavior_settings: StageConfig,
    value_settings: ValueConfig,
    folder: Path,
) -> NDArray[np.float32]:
    """p_θ/π_φ of each letter of each game in turn, after training both."""
    data = fit_data(games, TOKENIZER, MAX_TOKENS)
    batch = data.train.first(len(games))
    run = run_config(behavior_settings, value_settings)
    behavior = make_model(batch)
    stage = BehaviorStage("behavior", behavior, "actions")
    fit(stage, behavior_settings, run, data, folder / "behavior")
    theta = copy.deepcopy(behavior)
    value_stage = ValueStage(theta, behavior, value_settings, RESERVED_IDS, LEFTOVER_ID)
    fit(value_stage, value_settings, run, data, folder / "value")
    with torch.no_grad():
        value, policy = (predict(m, batch, batch.is_action).softmax(1) for m in (theta, behavior))
    chosen = (value / policy).gather(1, batch.ids[batch.is_action][:, None]).squeeze(1)
    found: NDArray[np.float32] = chosen.numpy()
    return found


def value_config(steps: int, learning_rate: float, mode: GammaMode) -> ValueConfig:
    return ValueConfig(
        steps,
        128,
        learning_rate,
        warmup_steps=10,
        final_learning_rate_share=0.01,
        weight_decay=0.0,
        gamma=GAMMA,
        gamma_mode=mode,
        support_threshold=0.01,
        smoothing="leftover",
        target_rate=0.05,
    )


@pytest.mark.parametrize("mode", get_args(GammaMode))
def test_a_table_learns_the_optimal_value_of_every_token(mode: GammaMode, tmp_path: Path) -> None:
    games = make_games()
    found = learned_ratios(
        lambda batch: PrefixTable(batch.ids, VOCAB_SIZE),
        games,
        StageConfig(500, 128, 0.1, warmup_steps=10, weight_decay=0.0),
        value_config(800, 0.05, mode),
        tmp_path,
    )
    np.testing.assert_allclose(found, optimal_values(games, GAMMAS[mode]), atol=0.01)


def test_a_llama_learns_the_optimal_value_of_every_token(tmp_path: Path) -> None:
    games = make_games()
    shape = ModelConfig(layers=2, width=32, heads=4, kv_heads=4, intermediate=64, max_length=16)
    found = learned_ratios(
        lambda _: fresh_model(shape, VOCAB_SIZE, seed=0),
        games,
        StageConfig(250, 128, 5e-3, 20, final_learning_rate_share=0.01, weight_decay=0.0),
        value_config(450, 5e-3, "turn"),
        tmp_path,
    )
    np.testing.assert_allclose(found, optimal_values(games, GAMMAS["turn"]), atol=0.01)
