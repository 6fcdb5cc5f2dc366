"""Batches of trajectories, drawn so that step t sees the same ones in every run and resume."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsft.config import RewardConfig
from qsft.encoding import EncodedTrajectories


@dataclass(frozen=True, slots=True)
class Batch:
    """b trajectories of `time` tokens on one device.

    ids (b, time) int64; is_token, is_action, ends_turn, terminal (b, time) bool: a real token, an
    action token, the last token of an action utterance, the last action token of an ended episode;
    next_action (b, time) int64: position of the action token that follows, 0 where none does;
    trainable (b, time) bool: action tokens whose next state is known; rewards (b,).
    `packed` says that a model sees them as one row without padding.
    """

    ids: Tensor
    is_token: Tensor
    is_action: Tensor
    ends_turn: Tensor
    terminal: Tensor
    next_action: Tensor
    trainable: Tensor
    rewards: Tensor
    packed: bool = False

    def rows(self, index: slice) -> "Batch":
        """Some of the trajectories."""
        tensors = {
            field.name: getattr(self, field.name)[index]
            for field in fields(self)
            if field.name != "packed"
        }
        return Batch(**tensors, packed=self.packed)

    def split(self, size: int | None) -> list["Batch"]:
        """Parts of at most `size` trajectories; None leaves the batch whole."""
        if size is None:
            return [self]
        return [self.rows(slice(at, at + size)) for at in range(0, len(self.ids), size)]


class Trajectories:
    """All trajectories of a data set on one device, and the seeded order they are visited in."""

    def __init__(
        self,
        encoded: EncodedTrajectories,
        reward: RewardConfig,
        device: torch.device,
        packed: bool = False,
    ) -> None:
        self._packed = packed
        self.size, self.max_length = encoded.ids.shape
        small = np.uint8 if encoded.ids.max() < 256 else np.int32
        self._ids = torch.from_numpy(encoded.ids.astype(small)).to(device)
        self._is_action = torch.from_numpy(encoded.is_action).to(device)
        self._ends_turn = torch.from_numpy(encoded.ends_turn).to(device)
        self._lengths = torch.from_numpy(encoded.lengths).to(device)
        self._rewards = torch.from_numpy(terminal_rewards(encoded.returns, reward)).to(device)
        self._done = torch.from_numpy(encoded.done).to(device)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def batch_at(self, step: int, batch_size: int, seed: int) -> Batch:
        """The batch of one training step: epochs without repetition, each in its own order."""
        batch_size = min(batch_size, self.size)
        epoch, offset = divmod(step, self.size // batch_size)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            self._order = torch.randperm(self.size, generator=generator).to(self._ids.device)
            self._epoch = epoch
        return self.rows(self._order[offset * batch_size : (offset + 1) * batch_size])

    def first(self, count: int) -> Batch:
        """The first `count` trajectories, for evaluation."""
        return self.rows(torch.arange(min(count, self.size), device=self._ids.device))

    def rows(self, index: Tensor) -> Batch:
        is_action = self._is_action[index]
        # The first token has no state before it to be predicted from.
        is_action[:, 0] = False
        next_action = _next_true(is_action)
        is_last = is_action & (next_action == 0)
        done = self._done[index][:, None]
        return Batch(
            ids=self._ids[index].long(),
            is_token=torch.arange(self.max_length, device=index.device)
            < self._lengths[index, None],
            is_action=is_action,
            ends_turn=self._ends_turn[index],
            terminal=is_last & done,
            next_action=next_action,
            trainable=is_action & (~is_last | done),
            rewards=self._rewards[index],
            packed=self._packed,
        )


def terminal_rewards(returns: NDArray[np.float32], reward: RewardConfig) -> NDArray[np.float32]:
    """Returns as terminal rewards in [0, 1], which assumption 4.1 of the paper asks for.

    The whole return is paid at the end. Shifting the reward of each step instead would pay for
    long episodes, and so change which policy is best.
    """
    scaled = (returns - reward.low) / (reward.high - reward.low)
    rewards: NDArray[np.float32] = np.clip(scaled, 0.0, 1.0).astype(np.float32)
    return rewards


def _next_true(mask: Tensor) -> Tensor:
    """(b, time): the position of the first True after each position, 0 where there is none."""
    time = mask.shape[1]
    positions = torch.arange(time, device=mask.device).expand_as(mask)
    here = torch.where(mask, positions, time)
    at_or_after = here.flip(1).cummin(dim=1).values.flip(1)
    after = torch.cat([at_or_after[:, 1:], torch.full_like(at_or_after[:, :1], time)], dim=1)
    return after.masked_fill(after == time, 0)
