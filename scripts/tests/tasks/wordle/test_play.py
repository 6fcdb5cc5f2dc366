"""Seeded games between the environment and a player."""

from collections.abc import Sequence

from qsft.tasks.episodes import Player, answer_seed, play
from qsft.tasks.wordle.game import Game, feedback, load_words, read_guess, spell
from qsft.tasks.wordle.play import ANSWER_FORMAT, new_games


class FittingPlayer:
    """Guesses the first word that fits the prompt's feedback; remembers what it was asked."""

    def __init__(self) -> None:
        self.prompts: list[list[str]] = []
        self.seeds: list[int] = []

    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        self.prompts.append(list(prompts))
        self.seeds += seeds
        return [self._guess(prompt) for prompt in prompts]

    def _guess(self, prompt: str) -> str:
        lines = [read_guess(line) for line in prompt.splitlines()[1:]]
        earlier = list(zip(lines[::2], lines[1::2], strict=True))
        fitting = (
            word
            for word in load_words()
            if all(feedback(guess, word) == reply for guess, reply in earlier)
        )
        return spell(next(fitting)).rstrip("\n")


class SilentPlayer:
    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        return [""] * len(prompts)


def played_games(player: Player, count: int, seed: int) -> list[Game]:
    games = new_games(count, seed)
    play(player, games, ANSWER_FORMAT, seed)
    return games


def test_a_player_that_uses_the_feedback_wins_most_games() -> None:
    games = played_games(FittingPlayer(), 60, seed=0)
    assert sum(game.solved for game in games) > 50
    assert all(game.over for game in games)


def test_a_player_that_says_nothing_loses_every_game() -> None:
    games = played_games(SilentPlayer(), 5, seed=0)
    assert [game.total_reward for game in games] == [-6.0] * 5


def test_a_seed_hides_the_same_words_from_every_player() -> None:
    hidden = [game.hidden for game in played_games(SilentPlayer(), 20, seed=3)]
    assert [game.hidden for game in played_games(FittingPlayer(), 20, seed=3)] == hidden
    assert [game.hidden for game in played_games(SilentPlayer(), 20, seed=4)] != hidden


def test_only_games_that_go_on_are_asked_and_each_with_its_own_transcript() -> None:
    player = FittingPlayer()
    games = played_games(player, 30, seed=0)
    for turn, prompts in enumerate(player.prompts):
        asked = [game for game in games if len(game.guesses) > turn]
        assert len(prompts) == len(asked)
        assert all(
            game.transcript.startswith(prompt) for game, prompt in zip(asked, prompts, strict=True)
        )


def test_every_guess_has_a_seed_of_its_own() -> None:
    player = FittingPlayer()
    games = played_games(player, 30, seed=7)
    assert len(set(player.seeds)) == len(player.seeds) == sum(len(game.guesses) for game in games)
    assert answer_seed(7, 29, 0, ANSWER_FORMAT) in player.seeds
    assert answer_seed(8, 0, 0, ANSWER_FORMAT) > max(player.seeds)
