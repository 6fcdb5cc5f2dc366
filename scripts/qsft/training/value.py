"""Training p_θ by weighted cross-entropy (eq. 3) with Bellman targets from its moving average θ̄."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qsft.config import ValueConfig
from qsft.losses import reserved_mask, value_loss
from qsft.targets import bellman_weights, next_value, step_gammas
from qsft.training.batches import Batch
from qsft.training.behavior import predict
from qsft.training.fit import Metrics


class ValueStage:
    """θ and θ̄ start where `model` stands; φ, the behavior model, stays frozen."""

    name = "value"

    def __init__(
        self,
        model: nn.Module,
        behavior: nn.Module,
        settings: ValueConfig,
        reserved_ids: Sequence[int],
        leftover_id: int,
        vocab_size: int,
    ) -> None:
        self.model = model
        self._behavior = behavior.eval().requires_grad_(False)
        self._target = copy.deepcopy(model).eval().requires_grad_(False)
        self._settings = settings
        self._leftover_id = leftover_id
        device = next(model.parameters()).device
        self._behavior_mask = reserved_mask(vocab_size, tuple(reserved_ids), device)

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        """Eq. 3 over the batch's action tokens, and how often each bound of the target bit."""
        if step < self._settings.return_steps:
            metrics: Metrics = {}
            weights = return_weights(batch, self._gammas(batch))
            trainable = batch.trainable & batch.terminal.any(dim=1, keepdim=True)
        else:
            weights, metrics = self._bellman_weights(batch)
            trainable = batch.trainable
        rows = trainable[:, 1:]
        logprobs = predict(self.model, batch)[rows].log_softmax(dim=1)
        actions = batch.ids[trainable]
        used = weights[trainable]
        loss = value_loss(logprobs, actions, used, self._settings.smoothing, self._leftover_id)
        chosen = logprobs.detach().gather(1, actions[:, None]).exp()
        return loss, {**metrics, "mean_weight": used.mean(), "mean_value": chosen.mean()}

    @torch.no_grad()
    def after_step(self) -> None:
        """θ̄ ← (1−α)θ̄ + αθ."""
        torch._foreach_lerp_(
            list(self._target.parameters()),
            [parameter.detach() for parameter in self.model.parameters()],
            self._settings.target_rate,
        )

    def averages(self) -> dict[str, nn.Module]:
        return {"target": self._target}

    def frozen(self) -> list[nn.Module]:
        return [self._behavior]

    def _gammas(self, batch: Batch) -> Tensor:
        settings = self._settings
        return step_gammas(settings.gamma, settings.gamma_mode, batch.ends_turn, batch.terminal)

    @torch.no_grad()
    def _bellman_weights(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """w (b, time) at action positions, from max p_θ̄/π_φ at the action position that follows."""
        rows = batch.is_action[:, 1:]
        behavior = predict(self._behavior, batch)[rows] + self._behavior_mask
        behavior_logprobs = behavior.log_softmax(dim=1)
        target_logprobs = predict(self._target, batch)[rows].log_softmax(dim=1)
        value = next_value(target_logprobs, behavior_logprobs, self._settings.support_threshold)
        values = torch.zeros(batch.ids.shape, device=batch.ids.device)
        values[batch.is_action] = value.ratio
        next_values = values.gather(1, batch.next_action)
        rewards = torch.where(batch.terminal, batch.rewards[:, None], 0.0)
        gammas = self._gammas(batch)
        raw = rewards + gammas * next_values
        bootstrapped = next_values[batch.trainable & ~batch.terminal]
        metrics = {
            "next_ratio": bootstrapped.mean(),
            "ratio_clamped_share": (bootstrapped > 1).float().mean(),
            "weight_clamped_share": (raw[batch.trainable] > 1).float().mean(),
            "support_size": value.support_size.float().mean(),
            "unrestricted_ratio": value.unrestricted_ratio.mean(),
            "restricted_share": (value.unrestricted_ratio > value.ratio).float().mean(),
        }
        return bellman_weights(rewards, gammas, next_values), metrics


def return_weights(batch: Batch, gammas: Tensor) -> Tensor:
    """(b, time): the discounted terminal reward seen from each action token of an ended episode."""
    counted = torch.where(batch.is_action & ~batch.terminal, gammas, torch.ones_like(gammas))
    # Discounts between a position and the end: the suffix product, which ends in 1 at the terminal.
    suffix = counted.flip(1).cumprod(dim=1).flip(1)
    return batch.rewards[:, None] * suffix
