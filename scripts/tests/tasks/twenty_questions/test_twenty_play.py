"""Seeded games between the oracle and a player."""

from collections.abc import Sequence

from qsft.tasks.episodes import play
from qsft.tasks.twenty_questions.objects import load_objects
from qsft.tasks.twenty_questions.oracle import Oracle
from qsft.tasks.twenty_questions.play import ANSWER_FORMAT, new_games


class ListPlayer:
    """Asks whether it is an animal, then guesses the objects in turn.

    Answers as a served policy does: without the question mark, on which it stops.
    """

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        self.seeds += seeds
        return [self._question(prompt) for prompt in prompts]

    def _question(self, prompt: str) -> str:
        asked = prompt.count("?")
        if "Is it an animal? Yes." in prompt:
            return f"Is it {load_objects()[asked - 1].phrase}"
        return "Is it an animal"


def test_a_player_that_asks_well_wins_and_one_that_repeats_itself_loses(oracle: Oracle) -> None:
    games = new_games(200, 0, oracle)
    player = ListPlayer()
    play(player, games, ANSWER_FORMAT, 0)
    for game in games:
        place = load_objects().index(game.hidden)
        assert game.over
        assert game.solved == (place < 19)
        assert game.total_reward == (-1 - place if place < 19 else -20)
    assert len(set(player.seeds)) == len(player.seeds)


def test_a_seed_hides_the_same_objects_from_every_player(oracle: Oracle) -> None:
    hidden = [game.hidden for game in new_games(50, 3, oracle)]
    assert [game.hidden for game in new_games(50, 3, oracle)] == hidden
    assert [game.hidden for game in new_games(50, 4, oracle)] != hidden
