"""Trajectories as arrays: token ids, which are actions, where utterances end, what was earned."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from qsft.config import ConfigError
from qsft.trajectories import Trajectory, TrajectoryError, read_trajectories

_TOKENIZER_BATCH = 8192
# Whether texts get what a tokenizer puts around them, a beginning of sequence above all. Turns are
# pieces of one text, so they do not; the manifest tells the server, whose prompts must be alike.
ADDS_SPECIAL_TOKENS = False


@dataclass(frozen=True, slots=True)
class EncodedTrajectories:
    """n trajectories right-padded to `time` tokens. All arrays share the first axis.

    ids (n, time); is_action (n, time); ends_turn (n, time), the last token of each action
    utterance; lengths (n,); returns (n,), the sum of each trajectory's rewards; done (n,).
    """

    ids: NDArray[np.int32]
    is_action: NDArray[np.bool_]
    ends_turn: NDArray[np.bool_]
    lengths: NDArray[np.int32]
    returns: NDArray[np.float32]
    done: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


def encode_trajectories(
    trajectories: Iterable[Trajectory], tokenizer: Tokenizer, max_tokens: int
) -> EncodedTrajectories:
    """Tokenize each turn by itself, so that no token straddles state and action.

    Raises TrajectoryError at a trajectory of more than `max_tokens` tokens or with an utterance of
    none, counting trajectories from 1, as a file's lines are.
    """
    items = list(trajectories)
    if not items:
        raise TrajectoryError("no trajectories")
    ids = np.zeros((len(items), max_tokens), dtype=np.int32)
    is_action = np.zeros(ids.shape, dtype=bool)
    ends_turn = np.zeros(ids.shape, dtype=bool)
    lengths = np.zeros(len(items), dtype=np.int32)
    for start in range(0, len(items), _TOKENIZER_BATCH):
        batch = items[start : start + _TOKENIZER_BATCH]
        turn_ids = iter(_encode_turns(batch, tokenizer))
        for row, trajectory in enumerate(batch, start=start):
            pieces = [next(turn_ids) for _ in trajectory.turns]
            lengths[row] = _checked_length(trajectory, pieces, max_tokens, f"trajectory {row + 1}")
            end = 0
            for turn, tokens in zip(trajectory.turns, pieces, strict=True):
                begin, end = end, end + len(tokens)
                ids[row, begin:end] = tokens
                if turn.is_action:
                    is_action[row, begin:end] = True
                    ends_turn[row, end - 1] = True
    return EncodedTrajectories(
        ids=ids,
        is_action=is_action,
        ends_turn=ends_turn,
        lengths=lengths,
        returns=np.array([item.total_reward for item in items], dtype=np.float32),
        done=np.array([item.done for item in items]),
    )


def save_encoded(path: Path, encoded: EncodedTrajectories) -> None:
    """Write a compressed .npz, so that a large file is tokenized once."""
    ids = encoded.ids.astype(np.min_scalar_type(int(encoded.ids.max())))
    np.savez_compressed(path, **{**asdict(encoded), "ids": ids})


def load_trajectories(path: Path, tokenizer: Tokenizer, max_tokens: int) -> EncodedTrajectories:
    """Read a trajectory file: JSON lines, or the .npz that `save_encoded` wrote."""
    if path.suffix != ".npz":
        return encode_trajectories(read_trajectories(path), tokenizer, max_tokens)
    with np.load(path) as arrays:
        encoded = EncodedTrajectories(**{**arrays, "ids": arrays["ids"].astype(np.int32)})
    _check_length(int(encoded.lengths.max()), max_tokens, path.name)
    return replace(
        encoded,
        ids=encoded.ids[:, :max_tokens],
        is_action=encoded.is_action[:, :max_tokens],
        ends_turn=encoded.ends_turn[:, :max_tokens],
    )


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer.json of a folder; a missing one is an OSError, which `from_file` hides."""
    return Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))


def token_ids(tokenizer: Tokenizer, tokens: Iterable[str]) -> tuple[int, ...]:
    """The ids of named tokens; raises ConfigError at one the tokenizer does not know."""
    ids: list[int] = []
    for token in tokens:
        token_id = tokenizer.token_to_id(token)
        if token_id is None:
            raise ConfigError(f"the tokenizer has no token {token!r}")
        ids.append(token_id)
    return tuple(ids)


def _checked_length(
    trajectory: Trajectory, pieces: Sequence[Sequence[int]], max_tokens: int, where: str
) -> int:
    for index, (turn, tokens) in enumerate(zip(trajectory.turns, pieces, strict=True)):
        if turn.is_action and not tokens:
            raise TrajectoryError(f"{where}: turns[{index}].text: no tokens in {turn.text!r}")
    length = sum(map(len, pieces))
    _check_length(length, max_tokens, where)
    return length


def _check_length(length: int, max_tokens: int, where: str) -> None:
    if length > max_tokens:
        raise TrajectoryError(f"{where}: {length} tokens, max_tokens allows {max_tokens}")


def _encode_turns(batch: Sequence[Trajectory], tokenizer: Tokenizer) -> list[list[int]]:
    texts = [turn.text for trajectory in batch for turn in trajectory.turns]
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=ADDS_SPECIAL_TOKENS)
    return [encoding.ids for encoding in encodings]
