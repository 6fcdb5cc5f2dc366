"""Good paths that exist only as pieces of bad trajectories: Q-SFT joins them, cloning cannot.

    K L M N O      A is the start. G pays 1, X pays 0.4, the dead end O nothing; γ = 0.9 a move.
    A B C D G      Best is A B C D G, worth 0.9³ = 0.729; X is worth 0.4 · 0.9 = 0.36.
    P X R S T

No trajectory from A reaches G: they take X, or turn north at C into the dead end. Those that reach
G start at T and wander for so long that they return 0.9¹⁴ ≈ 0.23: each trajectory is bad.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import (
    LEFTOVER_ID,
    RESERVED_IDS,
    fit_data,
    letter_tokenizer,
    run_config,
    trajectory,
)
from tables import LastTokenTable
from torch import Tensor
from torch.nn.functional import one_hot

from qsft.config import StageConfig, ValueConfig
from qsft.policy.extraction import PolicyParameters, extract, step_weights
from qsft.targets import step_gammas
from qsft.training.batches import Batch
from qsft.training.behavior import BehaviorStage, predict
from qsft.training.fit import Metrics, fit
from qsft.training.value import ValueStage, return_weights
from qsft.trajectories import Trajectory

GRID = ("KLMNO", "ABCDG", "PXRST")
MOVES = {"n": (-1, 0), "e": (0, 1), "s": (1, 0), "w": (0, -1)}
REWARDS = {"G": 1.0, "X": 0.4, "O": 0.0}
TOKENIZER = letter_tokenizer("".join(GRID) + "".join(MOVES))
VOCAB_SIZE = TOKENIZER.get_vocab_size()
GAMMA = 0.9
MAX_TOKENS = 40
LONGEST_WALK = 30
BEHAVIOR = StageConfig(400, 256, 0.1, warmup_steps=10, weight_decay=0.0)
VALUE = ValueConfig(
    steps=800,
    batch_size=256,
    learning_rate=0.05,
    warmup_steps=10,
    weight_decay=0.0,
    gamma=GAMMA,
    support_threshold=0.01,
    smoothing="leftover",
    target_rate=0.05,
)
RUN = run_config(BEHAVIOR, VALUE)


def step(cell: str, move: str) -> str:
    """The cell that a move leads to; a wall keeps it."""
    row = next(index for index, cells in enumerate(GRID) if cell in cells)
    down, right = MOVES[move]
    new_row, new_column = row + down, GRID[row].index(cell) + right
    inside = 0 <= new_row < len(GRID) and 0 <= new_column < len(GRID[0])
    return GRID[new_row][new_column] if inside else cell


def walk(start: str, moves: str) -> Trajectory:
    """The trajectory of one walk, which ends on a cell that pays or is dead."""
    texts, cell = [start], start
    for move in moves:
        cell = step(cell, move)
        texts += [move, cell]
    return trajectory(*texts, reward=REWARDS[cell])


TRAJECTORIES = [
    *[walk("A", "se")] * 55,  # A P X
    *[walk("A", "eenee")] * 45,  # A B C M N O
    *[walk("T", "ww" + "ew" * 5 + "nee")] * 20,  # T S R S R … R C D G
]
BEST_RETURN = GAMMA**3
BEST_DATA_RETURN = 0.4 * GAMMA

Policy = Callable[[Tensor], Tensor]  # (n,) cells to (n, vocab) probabilities


class ReturnWeightedStage(BehaviorStage):
    """Cloning in which each token counts by the discounted return that followed it."""

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        gammas = step_gammas(GAMMA, "turn", batch.ends_turn, batch.terminal)
        weights = return_weights(batch, gammas)[batch.is_action]
        logprobs = predict(self.model, batch, batch.is_action).log_softmax(dim=1)
        chosen = logprobs.gather(1, batch.ids[batch.is_action][:, None]).squeeze(1)
        return -(weights * chosen).sum() / weights.sum(), {}


def discounted_return(item: Trajectory) -> float:
    moves = sum(turn.is_action for turn in item.turns)
    return item.total_reward * GAMMA ** (moves - 1)


def clone(items: list[Trajectory], kind: type[BehaviorStage], folder: Path) -> LastTokenTable:
    model = LastTokenTable(VOCAB_SIZE)
    data = fit_data(items, TOKENIZER, MAX_TOKENS)
    fit(kind("behavior", model, "actions"), BEHAVIOR, RUN, data, folder)
    return model


def learn_value(behavior: LastTokenTable, settings: ValueConfig, folder: Path) -> LastTokenTable:
    model = copy.deepcopy(behavior).requires_grad_()
    stage = ValueStage(model, behavior, settings, RESERVED_IDS, LEFTOVER_ID)
    fit(stage, settings, RUN, fit_data(TRAJECTORIES, TOKENIZER, MAX_TOKENS), folder)
    return model


def policy_of(
    behavior: LastTokenTable, value: LastTokenTable, parameters: PolicyParameters
) -> Policy:
    @torch.no_grad()
    def policy(cells: Tensor) -> Tensor:
        step = extract(
            behavior(cells).logits,
            value(cells).logits,
            [step_weights(parameters)] * len(cells),
            RESERVED_IDS,
            VALUE.support_threshold,
        )
        if parameters.extraction == "greedy":
            return one_hot(step.argmax, VOCAB_SIZE).float()
        return step.scores.softmax(dim=1)

    return policy


def cloned_policy(model: LastTokenTable, temperature: float) -> Policy:
    @torch.no_grad()
    def policy(cells: Tensor) -> Tensor:
        return (model(cells).logits / temperature).softmax(dim=1)

    return policy


def value_of_start(policy: Policy) -> float:
    """The exact discounted return of a policy from A, for walks of at most `LONGEST_WALK` moves."""
    cells = [cell for cells in GRID for cell in cells]
    probabilities = policy(torch.tensor([TOKENIZER.token_to_id(cell) for cell in cells]))
    value = dict.fromkeys(cells, 0.0)
    for _ in range(LONGEST_WALK):
        value = {
            cell: sum(
                float(probabilities[index, TOKENIZER.token_to_id(move)])
                * (REWARDS[to] if (to := step(cell, move)) in REWARDS else GAMMA * value[to])
                for move in MOVES
            )
            for index, cell in enumerate(cells)
        }
    return value["A"]


@pytest.fixture(scope="module")
def behavior(tmp_path_factory: pytest.TempPathFactory) -> LastTokenTable:
    return clone(TRAJECTORIES, BehaviorStage, tmp_path_factory.mktemp("behavior"))


@pytest.fixture(scope="module")
def value(behavior: LastTokenTable, tmp_path_factory: pytest.TempPathFactory) -> LastTokenTable:
    return learn_value(behavior, VALUE, tmp_path_factory.mktemp("value"))


def test_every_trajectory_of_the_data_is_bad() -> None:
    returns = [discounted_return(item) for item in TRAJECTORIES]
    assert max(returns) == pytest.approx(BEST_DATA_RETURN)
    assert all(
        item.turns[0].text == "A" or value < 0.25
        for item, value in zip(TRAJECTORIES, returns, strict=True)
    )
    assert pytest.approx(0.729) == BEST_RETURN


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_behavior_cloning_does_not_find_the_best_path(
    behavior: LastTokenTable, temperature: float
) -> None:
    assert value_of_start(cloned_policy(behavior, temperature)) < BEST_DATA_RETURN


def test_cloning_the_best_trajectories_does_not_find_the_best_path(tmp_path: Path) -> None:
    best = sorted(TRAJECTORIES, key=discounted_return)[-len(TRAJECTORIES) // 4 :]
    model = clone(best, BehaviorStage, tmp_path)
    assert value_of_start(cloned_policy(model, 0.1)) == pytest.approx(BEST_DATA_RETURN, rel=0.01)


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_return_weighted_cloning_does_not_find_the_best_path(
    temperature: float, tmp_path: Path
) -> None:
    model = clone(TRAJECTORIES, ReturnWeightedStage, tmp_path)
    policy = cloned_policy(model, temperature)
    assert value_of_start(policy) == pytest.approx(BEST_DATA_RETURN, rel=0.01)


def test_the_value_of_the_datas_own_returns_does_not_find_the_best_path(
    behavior: LastTokenTable, tmp_path: Path
) -> None:
    """The same weighted cross-entropy without the max: it is the max that joins the pieces."""
    returns_only = replace(VALUE, return_steps=VALUE.steps)
    value = learn_value(behavior, returns_only, tmp_path)
    policy = policy_of(behavior, value, PolicyParameters("greedy", q="ratio"))
    assert value_of_start(policy) == pytest.approx(BEST_DATA_RETURN, rel=0.01)


def test_q_sft_in_the_papers_form_finds_the_best_path(
    behavior: LastTokenTable, value: LastTokenTable
) -> None:
    policy = policy_of(behavior, value, PolicyParameters("kl", beta=64.0))
    assert value_of_start(policy) > 0.98 * BEST_RETURN


def test_the_greedy_ratio_of_q_sft_finds_the_best_path(
    behavior: LastTokenTable, value: LastTokenTable
) -> None:
    policy = policy_of(behavior, value, PolicyParameters("greedy", q="ratio"))
    assert value_of_start(policy) == pytest.approx(BEST_RETURN)


def test_a_larger_beta_moves_from_the_behavior_to_the_best_path(
    behavior: LastTokenTable, value: LastTokenTable
) -> None:
    returns = [
        value_of_start(policy_of(behavior, value, PolicyParameters("kl", beta)))
        for beta in (0.0, 4.0, 16.0, 64.0)
    ]
    assert returns[0] == pytest.approx(value_of_start(cloned_policy(behavior, 1.0)), abs=1e-3)
    assert returns == sorted(returns)
