"""The value stage against loops over trajectories and their action tokens."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_llama import small_llama
from small_runs import LEFTOVER_ID, RESERVED_IDS, letter_tokenizer, make_batch, trajectory
from torch import Tensor, nn

from qsft.config import ValueConfig
from qsft.losses import Smoothing
from qsft.targets import GammaMode, step_gammas
from qsft.training.batches import Batch
from qsft.training.parameters import LiveParameters
from qsft.training.value import ValueStage, return_weights
from qsft.trajectories import Trajectory, Turn

TOKENIZER = letter_tokenizer("abxyz")
VOCAB_SIZE = TOKENIZER.get_vocab_size()
MAX_TOKENS = 10
ITEMS = [
    trajectory("x", "ab", "yz", "b", reward=0.6),
    trajectory("x", "a", "y", "ba", reward=0.9, done=False),
    trajectory("y", "bab", reward=0.2),
]
THRESHOLD = 0.1


class SmallModel(nn.Module):
    """Logits from the last two tokens."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        shape = (2, VOCAB_SIZE, VOCAB_SIZE)
        self.tables = nn.Parameter(torch.randn(shape, generator=generator))

    def forward(self, input_ids: Tensor) -> SimpleNamespace:
        before = nn.functional.pad(input_ids, (1, 0))[:, :-1]
        return SimpleNamespace(logits=self.tables[0][input_ids] + self.tables[1][before])


def batch() -> Batch:
    return make_batch(ITEMS, TOKENIZER, MAX_TOKENS)


BEHAVIOR = SmallModel(1)


def uniform(input_ids: Tensor) -> SimpleNamespace:
    return SimpleNamespace(logits=torch.zeros(*input_ids.shape, VOCAB_SIZE))


def make_stage(
    gamma_mode: GammaMode = "turn",
    smoothing: Smoothing = "leftover",
    return_steps: int = 0,
    behavior: Callable[..., SimpleNamespace] = BEHAVIOR,
) -> ValueStage:
    settings = ValueConfig(
        steps=1,
        gamma=0.8,
        gamma_mode=gamma_mode,
        support_threshold=THRESHOLD,
        smoothing=smoothing,
        target_rate=0.25,
        return_steps=return_steps,
    )
    return ValueStage(SmallModel(0), behavior, settings, RESERVED_IDS, LEFTOVER_ID)


def naive_weights(item: Trajectory, mode: GammaMode, p: Tensor, behavior: Tensor) -> list[float]:
    """w of each action token with a target; p and behavior (time, vocab) predict each token."""
    actions = action_positions(item)
    weights = []
    for here, following in zip(actions, [*actions[1:], None], strict=True):
        if following is None:
            weights += [item.total_reward] if item.done else []
            continue
        allowed = [i for i in range(VOCAB_SIZE) if i not in RESERVED_IDS]
        total = sum(float(behavior[following, i]) for i in allowed)
        pi = {i: float(behavior[following, i]) / total for i in allowed}
        supported = [i for i in allowed if pi[i] >= THRESHOLD or pi[i] == max(pi.values())]
        best = max(float(p[following, i]) / pi[i] for i in supported)
        ends_turn = following != here + 1
        gamma = 0.8 if mode == "token" or ends_turn else 1.0
        weights.append(min(gamma * min(best, 1.0), 1.0))
    return weights


def action_positions(item: Trajectory) -> list[int]:
    marks = [turn.is_action for turn in item.turns for _ in turn.text]
    return [index for index, is_action in enumerate(marks) if is_action]


def predictions(model: SmallModel, ids: Tensor) -> Tensor:
    """(time, vocab): at each position the distribution of the token there."""
    probabilities = model(ids[None]).logits[0].softmax(dim=1).detach()
    return nn.functional.pad(probabilities, (0, 0, 1, 0))[:-1]


@pytest.mark.parametrize("smoothing", ["uniform", "leftover"])
@pytest.mark.parametrize("mode", ["token", "turn"])
def test_the_loss_is_that_of_a_loop_over_action_tokens(
    mode: GammaMode, smoothing: Smoothing
) -> None:
    stage, model, behavior = make_stage(mode, smoothing), SmallModel(0), SmallModel(1)
    data = batch()
    losses = []
    for row, item in enumerate(ITEMS):
        p, pi = predictions(model, data.ids[row]), predictions(behavior, data.ids[row])
        weights = naive_weights(item, mode, p, pi)
        for here, weight in zip(action_positions(item), weights, strict=False):
            token = int(data.ids[row, here])
            others = [i for i in range(VOCAB_SIZE) if i != token and i not in RESERVED_IDS]
            left = [LEFTOVER_ID] if smoothing == "leftover" else others
            rest = sum(math.log(p[here, i]) for i in left) / len(left)
            losses.append(-weight * math.log(p[here, token]) - (1 - weight) * rest)
    loss, metrics = stage.loss(data, step=0)
    assert len(losses) == 3 + 2 + 3
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert all(value.dim() == 0 for value in metrics.values())


def test_no_gradient_flows_through_the_target() -> None:
    stage = make_stage()
    stage.loss(batch(), step=0)[0].backward()
    assert stage.model.get_parameter("tables").grad is not None
    assert BEHAVIOR.get_parameter("tables").grad is None
    assert not stage.averages()["target"].values[0].requires_grad


def test_the_environments_tokens_get_no_loss() -> None:
    """Position by position: only rows that predict an action of the data have a gradient."""
    stage = make_stage()
    data = batch()
    stage.loss(data, step=0)[0].backward()
    gradient = stage.model.get_parameter("tables").grad
    assert gradient is not None
    moved = set(gradient[0].abs().sum(dim=1).nonzero().flatten().tolist())
    states = {int(data.ids[row, here - 1]) for row, here in data.trainable.nonzero().tolist()}
    assert moved == states


def test_the_average_moves_towards_the_model_by_its_rate() -> None:
    stage = make_stage()
    before = stage.averages()["target"].values[0].clone()
    with torch.no_grad():
        stage.model.get_parameter("tables").add_(1.0)
    stage.after_step()
    after = stage.averages()["target"].values[0]
    torch.testing.assert_close(after, before + 0.25)


def test_the_metrics_say_how_often_each_bound_bites() -> None:
    stage = make_stage(behavior=uniform)
    stage.averages()["target"].values[0].zero_()
    _, metrics = stage.loss(batch(), step=0)
    # θ̄ is uniform over 7 tokens, φ over the 5 that are no reserved ones: every ratio is 5/7.
    assert metrics["next_ratio"].item() == pytest.approx(5 / 7)
    assert metrics["support_size"].item() == 5
    assert metrics["ratio_clamped_share"].item() == 0
    assert metrics["restricted_share"].item() == 0


returns_of = st.floats(0.0, 1.0)
turn_lists = st.lists(st.tuples(st.booleans(), st.integers(1, 3)), min_size=1, max_size=4)


@given(turn_lists, returns_of, st.booleans(), st.sampled_from(["token", "turn"]))
def test_return_weights_are_the_discounted_reward_at_the_end(
    shape: list[tuple[bool, int]], reward: float, done: bool, mode: GammaMode
) -> None:
    turns = [Turn("x", False, 0.0)]
    turns += [Turn("a" * length, is_action, 0.0) for is_action, length in shape]
    turns.append(Turn("b", True, reward))
    item = Trajectory(tuple(turns), done)
    length = sum(len(turn.text) for turn in turns)
    data = make_batch([item], TOKENIZER, length)
    gammas = step_gammas(0.8, mode, data.ends_turn, data.terminal)
    found = return_weights(data, gammas)[0]

    expected = reward
    for here in reversed(action_positions(item)):
        ends_utterance = bool(data.ends_turn[0, here])
        last = here == length - 1
        if not last and (mode == "token" or ends_utterance):
            expected *= 0.8
        if done:
            assert found[here].item() == pytest.approx(expected, abs=1e-6)


def test_the_first_steps_learn_from_returns_and_from_ended_episodes_alone() -> None:
    stage = make_stage("turn", return_steps=5)
    data = batch()
    p = [predictions(SmallModel(0), ids) for ids in data.ids]
    weights = {0: [0.8 * 0.6, 0.8 * 0.6, 0.6], 2: [0.2, 0.2, 0.2]}  # trajectory 1 did not end
    losses = [
        -weight * math.log(p[row][here, data.ids[row, here]])
        - (1 - weight) * math.log(p[row][here, LEFTOVER_ID])
        for row in weights
        for here, weight in zip(action_positions(ITEMS[row]), weights[row], strict=True)
    ]
    loss, metrics = stage.loss(data, step=4)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert "next_ratio" not in metrics
    assert "next_ratio" in stage.loss(data, step=5)[1]


def test_in_low_precision_too_the_target_is_predicted_by_the_averages_own_weights() -> None:
    """Autocast keeps the casts of weights, which the average exchanges for its own."""
    stage = ValueStage(small_llama(VOCAB_SIZE, 0), small_llama(VOCAB_SIZE, 1), SETTINGS, (0,), 1)
    other = ValueStage(small_llama(VOCAB_SIZE, 0), small_llama(VOCAB_SIZE, 1), SETTINGS, (0,), 1)
    average = small_llama(VOCAB_SIZE, 2)
    stage.averages()["target"].load_state_dict(LiveParameters(average).state_dict())
    other._target = average  # type: ignore[assignment]
    with torch.autocast("cpu", torch.bfloat16):
        # A pass that fills the cache comes first, as another part of a batch does.
        stage.loss(batch(), 0)
        found, expected = stage.loss(batch(), 0)[0], other.loss(batch(), 0)[0]
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


SETTINGS = ValueConfig(steps=1, smoothing="leftover")
