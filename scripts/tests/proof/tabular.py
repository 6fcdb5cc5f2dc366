"""Small MDPs with one token an action, and the Q-SFT of them that a table of logits learns.

`learn` moves the table by gradient descent with the project's own loss and target; `optimal_q` and
`paper_fixed_point` say by plain iteration where it must end.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from qsft.losses import Smoothing, value_loss
from qsft.targets import bellman_weights, next_value, step_gammas

END = -1
LEFTOVER = 0  # no action: the dummy of `smoothing = "leftover"`
_UPDATES = 1000
_SWEEPS = 200
_TARGET_RATE = 0.05


@dataclass(frozen=True)
class Mdp:
    """states × tokens. `counts` holds the data's visits, so π_β is exact; 0 where it has none.

    `next_state` is END where the episode ends, and only there `reward` is paid.
    """

    counts: NDArray[np.int64]
    next_state: NDArray[np.int64]
    reward: NDArray[np.float64]
    gamma: float

    @property
    def behavior(self) -> NDArray[np.float64]:
        behavior: NDArray[np.float64] = self.counts / self.counts.sum(axis=1, keepdims=True)
        return behavior


def random_graph(seed: int, states: int, branches: int, vocab_size: int, gamma: float) -> Mdp:
    """Each state offers `branches` tokens, some often and some rarely taken; cycles are likely."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((states, vocab_size), dtype=np.int64)
    next_state = np.full((states, vocab_size), END)
    reward = np.zeros((states, vocab_size))
    for state in range(states):
        tokens = rng.choice(np.arange(1, vocab_size), size=branches, replace=False)
        counts[state, tokens] = rng.choice([1, 2, 5, 8], size=branches)
        leads_on = rng.random(branches) < 0.7
        next_state[state, tokens] = np.where(leads_on, rng.integers(states, size=branches), END)
        ends = tokens[next_state[state, tokens] == END]
        reward[state, ends] = rng.random(len(ends))
    return Mdp(counts, next_state, reward, gamma)


def two_armed(vocab_size: int) -> Mdp:
    """State 0 leads to state 1, where two equally frequent arms pay 0.5 and 0.3."""
    counts = np.zeros((2, vocab_size), dtype=np.int64)
    next_state = np.full((2, vocab_size), END)
    reward = np.zeros((2, vocab_size))
    counts[0, 1], next_state[0, 1] = 1, 1
    counts[1, 1:3], reward[1, 1:3] = 1, [0.5, 0.3]
    return Mdp(counts, next_state, reward, gamma=1.0)


def optimal_q(mdp: Mdp) -> NDArray[np.float64]:
    """Q* over the actions that the data has; 0 at all others."""
    q = np.zeros(mdp.reward.shape)
    for _ in range(_SWEEPS):
        best = np.append(q.max(axis=1), 0.0)  # END indexes the last
        q = np.where(mdp.counts > 0, mdp.reward + mdp.gamma * best[mdp.next_state], 0.0)
    return q


def paper_fixed_point(mdp: Mdp) -> NDArray[np.float64]:
    """p of eq. 5 (appendix A), its max over the actions that the data has.

    p(a|s) = π_β(a|s)·B(a|s) + Σ_{a'≠a} π_β(a'|s)·(1 − B(a'|s))/(|A| − 1)
    """
    behavior = mdp.behavior
    p = behavior.copy()
    for _ in range(_SWEEPS):
        ratio = np.divide(p, behavior, out=np.zeros_like(p), where=behavior > 0)
        best = np.append(ratio.max(axis=1).clip(max=1), 0.0)
        backup = mdp.reward + mdp.gamma * best[mdp.next_state]
        left = behavior * (1 - backup)
        p = behavior * backup + (left.sum(axis=1, keepdims=True) - left) / (p.shape[1] - 1)
    return p


@dataclass(frozen=True)
class Learned:
    """p_θ (states, vocab), and the max p_θ̄/π_φ of each state (states,), before it is clamped."""

    p: NDArray[np.float64]
    value: NDArray[np.float64]


def learn(
    mdp: Mdp, behavior: NDArray[np.float64], smoothing: Smoothing, threshold: float
) -> Learned:
    """Gradient descent on eq. 3 over all visits of the data; `behavior` is π_φ, (states, vocab)."""
    states, actions = (
        torch.from_numpy(axis.repeat(mdp.counts[mdp.counts > 0])) for axis in mdp.counts.nonzero()
    )
    following = torch.from_numpy(mdp.next_state)[states, actions]
    rewards = torch.from_numpy(mdp.reward)[states, actions].float()
    gammas = step_gammas(mdp.gamma, "token", torch.ones_like(states) > 0, following == END)
    behavior_logprobs = torch.from_numpy(behavior).float().log().clamp(min=-1e9)

    theta = behavior_logprobs.clamp(min=-20).requires_grad_()
    target = theta.detach().clone()
    optimizer = torch.optim.Adam([theta], lr=0.1, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _UPDATES)
    for _ in range(_UPDATES):
        value = next_value(target.log_softmax(dim=1), behavior_logprobs, threshold).ratio
        weights = bellman_weights(rewards, gammas, value[following])
        logprobs = theta.log_softmax(dim=1)
        loss = value_loss(logprobs[states], actions, weights, smoothing, LEFTOVER)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            target.lerp_(theta, _TARGET_RATE)
    return Learned(theta.detach().softmax(dim=1).double().numpy(), value.double().numpy())
