"""The trajectory file: what is written is read back, and what is wrong is named."""

import json
from pathlib import Path

import pytest

from qsft.trajectories import (
    Trajectory,
    TrajectoryError,
    Turn,
    read_trajectories,
    write_trajectories,
)

STATE = {"text": "Wordle:\n", "is_action": False, "reward": 0.0}
ACTION = {"text": "s h i r e\n", "is_action": True, "reward": -1}


def record(*turns: object, done: object = True) -> dict[str, object]:
    return {"turns": list(turns), "done": done}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    turns = (Turn("Überfall\n", False, 0.0), Turn('"x"', True, -1.5), Turn("\n", False, 0.0))
    items = [Trajectory(turns, done=True), Trajectory(turns[:2], done=False)]
    path = tmp_path / "new" / "games.jsonl"
    assert write_trajectories(path, items) == 2
    assert list(read_trajectories(path)) == items


def test_the_total_reward_is_the_sum_over_turns() -> None:
    turns = (Turn("a", True, -1.0), Turn("b", False, 0.0), Turn("c", True, -0.5))
    assert Trajectory(turns, done=True).total_reward == -1.5


def test_a_whole_number_is_a_reward(tmp_path: Path) -> None:
    path = tmp_path / "games.jsonl"
    path.write_text(json.dumps(record(STATE, ACTION)))
    (trajectory,) = read_trajectories(path)
    assert trajectory.turns[1].reward == -1.0


def without(turn: dict[str, object], field: str) -> dict[str, object]:
    return {name: value for name, value in turn.items() if name != field}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[]", "expected an object, got list"),
        ({"done": True}, "turns: missing"),
        ({"turns": [ACTION]}, "done: missing"),
        ({"turns": "hello", "done": True}, "turns: expected list, got str"),
        (record(done=True), "turns: must not be empty"),
        (record(STATE), "turns: at least one turn must be an action"),
        (record(ACTION, done=1), "done: expected bool, got int"),
        (record(ACTION, "hello"), "turns[1]: expected an object, got str"),
        (record(STATE, without(ACTION, "text")), "turns[1].text: missing"),
        (record(STATE, without(ACTION, "is_action")), "turns[1].is_action: missing"),
        (record(STATE, without(ACTION, "reward")), "turns[1].reward: missing"),
        (record(ACTION | {"text": 3}), "turns[0].text: expected str, got int"),
        (record(ACTION | {"text": ""}), "turns[0].text: must not be empty"),
        (record(ACTION | {"is_action": "yes"}), "turns[0].is_action: expected bool, got str"),
        (record(ACTION | {"is_action": 1}), "turns[0].is_action: expected bool, got int"),
        (record(ACTION | {"reward": None}), "turns[0].reward: expected number, got NoneType"),
        (record(ACTION | {"reward": True}), "turns[0].reward: must be a finite number, got True"),
        (record(ACTION | {"reward": float("nan")}), "turns[0].reward: must be a finite number"),
        (record(ACTION | {"reward": float("inf")}), "turns[0].reward: must be a finite number"),
        (
            record(STATE | {"reward": 0.5}, ACTION),
            "turns[0].reward: environment text earns nothing, got 0.5",
        ),
    ],
)
def test_a_bad_line_is_named_with_its_field(line: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "games.jsonl"
    bad = line if isinstance(line, str) else json.dumps(line)
    path.write_text(json.dumps(record(STATE, ACTION)) + "\n" + bad + "\n")
    with pytest.raises(TrajectoryError) as caught:
        list(read_trajectories(path))
    assert str(caught.value).startswith(f"games.jsonl, line 2: {message}")


def test_the_lines_before_a_bad_one_are_read(tmp_path: Path) -> None:
    path = tmp_path / "games.jsonl"
    path.write_text(json.dumps(record(STATE, ACTION)) + "\n{\n")
    trajectories = read_trajectories(path)
    assert next(trajectories).turns[1].text == "s h i r e\n"
    with pytest.raises(TrajectoryError, match="line 2"):
        next(trajectories)
