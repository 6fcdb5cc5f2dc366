"""What tests of training share: a tokenizer of letters, a few trajectories, a run over them."""

from collections.abc import Sequence

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from qsft.config import DataConfig, RewardConfig, RunConfig, StageConfig, ValueConfig
from qsft.encoding import encode_trajectories
from qsft.training.batches import Batch, Trajectories
from qsft.training.fit import FitData
from qsft.trajectories import Trajectory, Turn

PAD_ID, LEFTOVER_ID = RESERVED_IDS = (0, 1)
UNIT_REWARD = RewardConfig(low=0.0, high=1.0)
CPU = torch.device("cpu")


def letter_tokenizer(letters: str) -> Tokenizer:
    """Each letter is a token; `<pad>` and `<leftover>` are reserved."""
    vocabulary = ["<pad>", "<leftover>", *letters]
    tokenizer = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(vocabulary)}, unk_token="<pad>")
    )
    tokenizer.add_special_tokens(["<pad>", "<leftover>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def trajectory(*texts: str, reward: float = 0.0, done: bool = True) -> Trajectory:
    """Environment and agent speak in turn, the environment first; the last utterance is paid."""
    turns = [Turn(text, is_action=index % 2 == 1, reward=0.0) for index, text in enumerate(texts)]
    last = max(index for index, turn in enumerate(turns) if turn.is_action)
    turns[last] = Turn(turns[last].text, is_action=True, reward=reward)
    return Trajectory(tuple(turns), done)


def load(
    items: Sequence[Trajectory], tokenizer: Tokenizer, max_tokens: int, reward: RewardConfig
) -> Trajectories:
    return Trajectories(encode_trajectories(items, tokenizer, max_tokens), reward, CPU)


def make_batch(items: Sequence[Trajectory], tokenizer: Tokenizer, max_tokens: int) -> Batch:
    """All of them, in their order."""
    return load(items, tokenizer, max_tokens, UNIT_REWARD).first(len(items))


def fit_data(items: Sequence[Trajectory], tokenizer: Tokenizer, max_tokens: int) -> FitData:
    data = load(items, tokenizer, max_tokens, UNIT_REWARD)
    return FitData(train=data, held_out=data)


def run_config(behavior: StageConfig, value: ValueConfig, **changes: object) -> RunConfig:
    """A run whose data comes from elsewhere, which logs and evaluates at its end alone."""
    never = 10**9
    defaults = {"log_every": never, "evaluate_every": never, "checkpoint_every": never}
    data = DataConfig("train", "held-out", max_tokens=0, tokenizer="tokenizer")
    return RunConfig("letters", data, UNIT_REWARD, behavior, value, **(defaults | changes))  # type: ignore[arg-type]
