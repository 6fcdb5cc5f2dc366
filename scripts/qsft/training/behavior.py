"""Training π_φ by cross-entropy (eq. 2), on actions alone or, to pretrain, on every token."""

from typing import Literal

from torch import Tensor, nn

from qsft.losses import IGNORED, behavior_loss
from qsft.training.batches import Batch
from qsft.training.fit import Metrics


class BehaviorStage:
    """`tokens` says which tokens count: what the agent wrote, or the environment's text as well."""

    def __init__(self, name: str, model: nn.Module, tokens: Literal["actions", "all"]) -> None:
        self.name = name
        self.model = model
        self._tokens = tokens

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Metrics]:
        logits = predict(self.model, batch)
        if self._tokens == "actions":
            return behavior_loss(logits, targets(batch, batch.is_action)), {}
        action_loss = behavior_loss(logits.detach(), targets(batch, batch.is_action))
        return behavior_loss(logits, targets(batch, batch.is_token)), {"action_loss": action_loss}

    def after_step(self) -> None:
        """Nothing follows the optimizer here."""

    def averages(self) -> dict[str, nn.Module]:
        return {}

    def frozen(self) -> list[nn.Module]:
        return []


def targets(batch: Batch, counted: Tensor) -> Tensor:
    """(b, time − 1): the token each position predicts, IGNORED where it does not count."""
    return batch.ids.masked_fill(~counted, IGNORED)[:, 1:]


def predict(model: nn.Module, batch: Batch) -> Tensor:
    """Logits (b, time − 1, vocab): position t predicts token t + 1.

    Padding is on the right, where a causal model's real tokens never look, so no mask is needed.
    """
    logits: Tensor = model(input_ids=batch.ids[:, :-1]).logits
    return logits.float()
