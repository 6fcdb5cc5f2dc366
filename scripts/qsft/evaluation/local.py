"""A policy in this process, from its PyTorch models: what a server's answers are held to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from qsft.adapters import load_role
from qsft.encoding import ADDS_SPECIAL_TOKENS, load_tokenizer
from qsft.policy.extraction import PolicyParameters, extract, step_weights
from qsft.policy.sampling import SamplingParameters, sample_token, sampling_under, uniform
from qsft.record import read_record, reserved_token_ids

_ROWS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class LocalPolicy:
    """Two models and their tokenizer; `reserved_ids` are never emitted."""

    behavior: nn.Module
    value: nn.Module
    tokenizer: Tokenizer
    reserved_ids: tuple[int, ...]
    support_threshold: float
    device: torch.device


def load_local_policy(checkpoint: Path, device: torch.device) -> LocalPolicy:
    """The policy of what `qsft train` wrote."""
    record = read_record(checkpoint)
    tokenizer = load_tokenizer(checkpoint)
    return LocalPolicy(
        behavior=load_role(checkpoint, "behavior").to(device).eval(),
        value=load_role(checkpoint, "value").to(device).eval(),
        tokenizer=tokenizer,
        reserved_ids=reserved_token_ids(record, tokenizer),
        support_threshold=record["config"]["value"]["support_threshold"],
        device=device,
    )


@dataclass(frozen=True, slots=True)
class LocalPlayer:
    """Answers prompts with one policy at one setting; recomputes the whole text at every token."""

    policy: LocalPolicy
    parameters: PolicyParameters
    sampling: SamplingParameters
    stop: str
    max_tokens: int

    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """Continue each prompt up to `stop`, which is cut off."""
        tokenizer = self.policy.tokenizer
        sampling = sampling_under(self.parameters.extraction, self.sampling)
        rows = [
            encoding.ids
            for encoding in tokenizer.encode_batch_fast(
                list(prompts), add_special_tokens=ADDS_SPECIAL_TOKENS
            )
        ]
        answers: list[list[int]] = [[] for _ in prompts]
        running = list(range(len(prompts)))
        for step in range(self.max_tokens):
            if not running:
                break
            scores = self._scores([rows[i] + answers[i] for i in running])
            for i, row in zip(running, scores, strict=True):
                answers[i].append(sample_token(row, sampling, uniform(seeds[i], 0, step)))
            running = [i for i in running if self.stop not in tokenizer.decode(answers[i][-1:])]
        return [tokenizer.decode(answer).split(self.stop)[0] for answer in answers]

    @torch.no_grad()
    def _scores(self, rows: list[list[int]]) -> NDArray[np.float32]:
        """(n, vocab): the policy's scores after the last token of each row."""
        groups = range(0, len(rows), _ROWS_AT_ONCE)
        return np.concatenate([self._group_scores(rows[i : i + _ROWS_AT_ONCE]) for i in groups])

    def _group_scores(self, rows: list[list[int]]) -> NDArray[np.float32]:
        policy = self.policy
        lengths = torch.tensor([len(row) for row in rows])
        padded = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
        for index, row in enumerate(rows):
            padded[index, : len(row)] = torch.tensor(row)
        # Logits of a large vocabulary are too many to keep at every place of a long text.
        kept, last = torch.unique(lengths - 1, return_inverse=True)

        def logits(model: nn.Module) -> Tensor:
            output: Tensor = model(
                input_ids=padded.to(policy.device), logits_to_keep=kept.to(policy.device)
            ).logits
            return output.cpu()[torch.arange(len(rows)), last].float()

        weights = [step_weights(self.parameters)] * len(rows)
        step = extract(
            logits(policy.behavior),
            logits(policy.value),
            weights,
            policy.reserved_ids,
            policy.support_threshold,
        )
        return step.scores.numpy()
