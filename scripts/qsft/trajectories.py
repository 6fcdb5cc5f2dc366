"""Offline trajectories: what the environment and the agent said in turn, and what it earned.

A file holds one trajectory a line:
`{"turns": [{"text": "Wordle:\\n", "is_action": false, "reward": 0.0}, ...], "done": true}`.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance. Environment text is state: it is never an action and carries no reward."""

    text: str
    is_action: bool
    reward: float


@dataclass(frozen=True, slots=True)
class Trajectory:
    """`done` says that the episode ended; a trajectory cut short has no terminal reward."""

    turns: tuple[Turn, ...]
    done: bool

    @property
    def total_reward(self) -> float:
        return sum(turn.reward for turn in self.turns)


class TrajectoryError(ValueError):
    """A trajectory file breaks the format; the message names the line and the field."""


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """Yield the trajectories of a JSON-lines file; raise TrajectoryError at the first bad line."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _parse(line)
            except TrajectoryError as error:
                raise TrajectoryError(f"{path.name}, line {number}: {error}") from None


def write_trajectories(path: Path, trajectories: Iterable[Trajectory]) -> int:
    """Write a JSON-lines file and return how many trajectories it holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for trajectory in trajectories:
            turns = [
                {"text": turn.text, "is_action": turn.is_action, "reward": turn.reward}
                for turn in trajectory.turns
            ]
            file.write(json.dumps({"turns": turns, "done": trajectory.done}) + "\n")
            count += 1
    return count


def _parse(line: str) -> Trajectory:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise TrajectoryError(f"not JSON: {error}") from None
    if not isinstance(record, dict):
        raise TrajectoryError(f"expected an object, got {type(record).__name__}")
    turns = _field(record, "turns", list, "")
    if not turns:
        raise TrajectoryError("turns: must not be empty")
    parsed = tuple(_parse_turn(turn, f"turns[{index}]") for index, turn in enumerate(turns))
    if not any(turn.is_action for turn in parsed):
        raise TrajectoryError("turns: at least one turn must be an action")
    return Trajectory(parsed, _field(record, "done", bool, ""))


def _parse_turn(turn: Any, where: str) -> Turn:
    if not isinstance(turn, dict):
        raise TrajectoryError(f"{where}: expected an object, got {type(turn).__name__}")
    text = _field(turn, "text", str, where + ".")
    is_action = _field(turn, "is_action", bool, where + ".")
    reward = _field(turn, "reward", (int, float), where + ".")
    if isinstance(reward, bool) or not math.isfinite(reward):
        raise TrajectoryError(f"{where}.reward: must be a finite number, got {reward!r}")
    if not text:
        raise TrajectoryError(f"{where}.text: must not be empty")
    if not is_action and reward != 0:
        raise TrajectoryError(
            f"{where}.reward: environment text earns nothing, got {reward}; "
            "put the reward on the action before it"
        )
    return Turn(text, is_action, float(reward))


def _field(record: dict[str, Any], name: str, kind: type | tuple[type, ...], where: str) -> Any:
    if name not in record:
        raise TrajectoryError(f"{where}{name}: missing")
    value = record[name]
    if not isinstance(value, kind):
        wanted = kind.__name__ if isinstance(kind, type) else "number"
        raise TrajectoryError(f"{where}{name}: expected {wanted}, got {type(value).__name__}")
    return value
