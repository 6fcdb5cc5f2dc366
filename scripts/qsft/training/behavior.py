"""Training π_φ by cross-entropy (eq. 2), on actions alone or, to pretrain, on every token."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from qsft.losses import behavior_losses, mean
from qsft.training.batches import Batch
from qsft.training.fit import Metrics
from qsft.training.parameters import ParameterCopy


class BehaviorStage:
    """`tokens` says which tokens count: what the agent wrote, or the environment's text as well."""

    def __init__(self, name: str, model: nn.Module, tokens: Literal["actions", "all"]) -> None:
        self.name = name
        self.model = model
        self._tokens = tokens

    def counted(self, batch: Batch, step: int) -> Tensor:
        return _predictable(batch.is_action if self._tokens == "actions" else batch.is_token)

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        counted = self.counted(batch, step)
        losses = behavior_losses(predict(self.model, batch, counted), batch.ids[counted])
        if self._tokens == "actions":
            return mean(losses), {}
        return mean(losses), {"action_loss": mean(losses.detach()[batch.is_action[counted]])}

    def after_step(self) -> None:
        """Nothing follows the optimizer here."""

    def averages(self) -> dict[str, ParameterCopy]:
        return {}


def predict(model: Callable[..., Any], batch: Batch, counted: Tensor) -> Tensor:
    """Logits (n, vocab) in float32 for the n tokens that `counted` (b, time) marks, in order.

    Each is predicted from the tokens of its trajectory before it; the first is never marked.
    """
    if batch.packed:
        return _predict_packed(model, batch, counted)
    # Padding is on the right, where a causal model's real tokens never look: no mask is needed.
    logits: Tensor = model(input_ids=batch.ids[:, :-1]).logits
    return logits[counted[:, 1:]].float()


def _predict_packed(model: Callable[..., Any], batch: Batch, counted: Tensor) -> Tensor:
    """All trajectories in one row. Positions that start again tell Transformers where one ends, and
    it masks attention between them; the LM head runs on the positions that are asked for alone.
    """
    positions = torch.arange(batch.ids.shape[1], device=batch.ids.device).expand_as(batch.ids)
    index = batch.is_token.flatten().cumsum(0).view_as(batch.ids) - 1
    logits: Tensor = model(
        input_ids=batch.ids[batch.is_token][None],
        position_ids=positions[batch.is_token][None],
        logits_to_keep=index[counted] - 1,
        use_cache=False,
    ).logits
    return logits[0].float()


def _predictable(tokens: Tensor) -> Tensor:
    """(b, time) without each trajectory's first token, which nothing precedes."""
    first = torch.zeros_like(tokens)
    first[:, 0] = True
    return tokens & ~first
