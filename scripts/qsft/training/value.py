"""Training p_θ by weighted cross-entropy (eq. 3) with Bellman targets from its moving average θ̄."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qsft.config import ValueConfig
from qsft.losses import mean, value_loss
from qsft.policy.extraction import extract_behavior
from qsft.targets import bellman_weights, next_value, step_gammas
from qsft.training.batches import Batch
from qsft.training.behavior import predict
from qsft.training.fit import Metrics
from qsft.training.parameters import ParameterCopy


class ValueStage:
    """θ and θ̄ start where `model` stands; φ, `behavior`, predicts and is never changed."""

    name = "value"

    def __init__(
        self,
        model: nn.Module,
        behavior: Callable[..., Any],
        settings: ValueConfig,
        reserved_ids: Sequence[int],
        leftover_id: int,
    ) -> None:
        self.model = model
        self._behavior = behavior
        self._target = ParameterCopy(model)
        self._settings = settings
        self._reserved_ids = tuple(reserved_ids)
        self._leftover_id = leftover_id

    def counted(self, batch: Batch, step: int) -> Tensor:
        """At first, when weights are returns, only episodes that ended have any."""
        if step < self._settings.return_steps:
            return batch.trainable & batch.terminal.any(dim=1, keepdim=True)
        return batch.trainable

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        """Eq. 3 over the batch's action tokens, and how often each bound of the target bit."""
        if step < self._settings.return_steps:
            metrics: Metrics = {}
            weights = return_weights(batch, self._gammas(batch))
        else:
            weights, metrics = self._bellman_weights(batch)
        counted = self.counted(batch, step)
        logprobs = predict(self.model, batch, counted).log_softmax(dim=1)
        actions, used = batch.ids[counted], weights[counted]
        loss = value_loss(
            logprobs,
            actions,
            used,
            self._settings.smoothing,
            self._leftover_id,
            self._reserved_ids,
        )
        chosen = logprobs.detach().gather(1, actions[:, None]).squeeze(1).exp()
        return loss, {**metrics, "mean_weight": mean(used), "mean_value": mean(chosen)}

    def after_step(self) -> None:
        """θ̄ ← (1−α)θ̄ + αθ."""
        self._target.follow(self._settings.target_rate)

    def averages(self) -> dict[str, ParameterCopy]:
        return {"target": self._target}

    def _gammas(self, batch: Batch) -> Tensor:
        settings = self._settings
        return step_gammas(settings.gamma, settings.gamma_mode, batch.ends_turn, batch.terminal)

    @torch.no_grad()
    def _bellman_weights(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """w (b, time) at action positions, from max p_θ̄/π_φ at the action position that follows."""
        actions = batch.is_action
        behavior_logprobs = extract_behavior(
            predict(self._behavior, batch, actions), self._reserved_ids
        )
        target_logprobs = predict(self._target, batch, actions).log_softmax(dim=1)
        value = next_value(target_logprobs, behavior_logprobs, self._settings.support_threshold)
        values = torch.zeros(batch.ids.shape, device=batch.ids.device)
        values[batch.is_action] = value.ratio
        next_values = values.gather(1, batch.next_action)
        rewards = torch.where(batch.terminal, batch.rewards[:, None], 0.0)
        gammas = self._gammas(batch)
        raw = rewards + gammas * next_values
        bootstrapped = next_values[batch.trainable & ~batch.terminal]
        metrics = {
            "next_ratio": mean(bootstrapped),
            "ratio_clamped_share": mean((bootstrapped > 1).float()),
            "weight_clamped_share": mean((raw[batch.trainable] > 1).float()),
            "support_size": mean(value.support_size.float()),
            "unrestricted_ratio": mean(value.unrestricted_ratio),
            "restricted_share": mean((value.unrestricted_ratio > value.ratio).float()),
        }
        return bellman_weights(rewards, gammas, next_values), metrics


def return_weights(batch: Batch, gammas: Tensor) -> Tensor:
    """(b, time): the discounted terminal reward seen from each action token of an ended episode."""
    counted = torch.where(batch.is_action & ~batch.terminal, gammas, torch.ones_like(gammas))
    # Discounts between a position and the end: the suffix product, which ends in 1 at the terminal.
    suffix = counted.flip(1).cumprod(dim=1).flip(1)
    return batch.rewards[:, None] * suffix
