"""Models with one row of logits a state, which the trainer takes for language models."""

from types import SimpleNamespace

import torch
from torch import Tensor, nn


class LastTokenTable(nn.Module):
    """The state is the last token: right where the environment's reply tells everything."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(vocab_size, vocab_size))

    def forward(self, input_ids: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[input_ids])


class PrefixTable(nn.Module):
    """The state is the whole text so far; knows the prefixes of `ids` (n, time) alone."""

    def __init__(self, ids: Tensor, vocab_size: int) -> None:
        super().__init__()
        self._vocab_size = vocab_size
        codes = self._encode(ids).unique()  # sorted
        self.register_buffer("codes", codes)
        self.table = nn.Parameter(torch.zeros(len(codes), vocab_size))

    def forward(self, input_ids: Tensor) -> SimpleNamespace:
        rows = torch.searchsorted(self.get_buffer("codes"), self._encode(input_ids))
        return SimpleNamespace(logits=self.table[rows])

    def _encode(self, ids: Tensor) -> Tensor:
        """(n, time): each prefix as one number, its digits the tokens."""
        codes = torch.zeros_like(ids)
        for end in range(ids.shape[1]):
            before = codes[:, end - 1] if end else torch.zeros_like(ids[:, 0])
            codes[:, end] = before * self._vocab_size + ids[:, end]
        return codes
