"""A policy in this process: seeded, independent of its neighbours, and the paper's."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from small_llama import small_llama
from small_runs import CPU
from tokenizers import Tokenizer

from qsft.evaluation.local import LocalPlayer, LocalPolicy, load_local_policy
from qsft.policy.extraction import PolicyParameters, extract, step_weights
from qsft.policy.sampling import SamplingParameters
from qsft.tasks.episodes import play
from qsft.tasks.wordle.game import HEADER
from qsft.tasks.wordle.play import ANSWER_FORMAT, new_games
from qsft.tasks.wordle.tokenizer import build_tokenizer

TOKENIZER: Tokenizer = build_tokenizer()
RESERVED_IDS = (0, 1, 3)
STOP, MAX_ANSWER_TOKENS = ANSWER_FORMAT.stop, ANSWER_FORMAT.max_tokens
PROMPTS = [HEADER, HEADER + "s h i r e\nb y g g b\n", HEADER + "a b o u t\n\n"]


def make_policy() -> LocalPolicy:
    vocab_size = TOKENIZER.get_vocab_size()
    behavior, value = (small_llama(vocab_size, seed).eval() for seed in (0, 1))
    with torch.no_grad():  # far from uniform, so that settings make a difference
        behavior.get_output_embeddings().weight.mul_(40)
        value.get_output_embeddings().weight.mul_(80)
    return LocalPolicy(behavior, value, TOKENIZER, RESERVED_IDS, 1e-3, CPU)


POLICY = make_policy()


def make_player(
    parameters: PolicyParameters, sampling: SamplingParameters, max_tokens: int = 8
) -> LocalPlayer:
    return LocalPlayer(POLICY, parameters, sampling, STOP, max_tokens)


PLAYER = make_player(PolicyParameters("kl", 4.0), SamplingParameters())


def test_a_seed_gives_the_same_answer_whatever_else_is_asked() -> None:
    seeds = [11, 12, 13]
    together = PLAYER.answer(PROMPTS, seeds)
    assert together == PLAYER.answer(PROMPTS, seeds)
    alone = [
        PLAYER.answer([prompt], [seed])[0] for prompt, seed in zip(PROMPTS, seeds, strict=True)
    ]
    assert alone == together


def test_other_seeds_give_other_answers() -> None:
    assert len(set(PLAYER.answer([HEADER] * 20, list(range(20))))) > 5


def test_answers_end_before_the_stop_text_and_are_never_too_long() -> None:
    answers = PLAYER.answer([HEADER] * 200, list(range(200)))
    assert all(STOP not in answer for answer in answers)
    lengths = Counter(len(answer.split()) for answer in answers)
    assert max(lengths) <= 8
    assert len(lengths) > 3  # some stop early, some are cut


def test_whole_games_repeat() -> None:
    player = make_player(PolicyParameters("kl", 4.0), SamplingParameters(), MAX_ANSWER_TOKENS)
    first, again = (new_games(8, seed=5) for _ in range(2))
    for games in (first, again):
        play(player, games, ANSWER_FORMAT, seed=5)
    assert [game.transcript for game in first] == [game.transcript for game in again]


@pytest.mark.parametrize(
    "parameters", [PolicyParameters("kl", 3.0), PolicyParameters("kl", 3.0, "ratio")]
)
def test_first_tokens_are_drawn_from_the_extracted_policy(parameters: PolicyParameters) -> None:
    draws = 3000
    player = make_player(parameters, SamplingParameters(), max_tokens=1)
    answers = Counter(player.answer([HEADER] * draws, list(range(draws))))
    ids = torch.tensor([TOKENIZER.encode(HEADER).ids])
    with torch.no_grad():
        logits = [model(input_ids=ids).logits[:, -1] for model in (POLICY.behavior, POLICY.value)]
    weights = [step_weights(parameters)]
    step = extract(*logits, weights, RESERVED_IDS, POLICY.support_threshold)
    expected: Counter[str] = Counter()
    for token, probability in enumerate(step.scores[0].softmax(dim=0).tolist()):
        expected[TOKENIZER.decode([token]).split(STOP)[0]] += probability  # type: ignore[assignment]
    for answer in expected | answers:
        # Five standard errors of a share of 3,000 draws.
        tolerance = 5 * (expected[answer] * (1 - expected[answer]) / draws) ** 0.5 + 1e-3
        assert answers[answer] / draws == pytest.approx(expected[answer], abs=tolerance)


def test_greedy_needs_no_seed() -> None:
    player = make_player(PolicyParameters("greedy"), SamplingParameters())
    assert len(set(player.answer([HEADER] * 5, list(range(5))))) == 1


def test_beta_zero_is_the_behavior_extraction() -> None:
    seeds = list(range(30))
    zero = make_player(PolicyParameters("kl", 0.0), SamplingParameters())
    behavior = make_player(PolicyParameters("behavior", 7.0), SamplingParameters())
    assert zero.answer([HEADER] * 30, seeds) == behavior.answer([HEADER] * 30, seeds)


def test_a_checkpoint_folder_loads_as_the_policy_it_holds(tmp_path: Path) -> None:
    for role, model in (("behavior", POLICY.behavior), ("value", POLICY.value)):
        model.save_pretrained(tmp_path / role)  # type: ignore[operator]
    TOKENIZER.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "training.json").write_text(
        '{"config": {"data": {"reserved_tokens": ["<pad>", "<leftover>", "<unk>"]}, '
        '"value": {"support_threshold": 0.001}}}'
    )
    loaded = load_local_policy(tmp_path, CPU)
    assert loaded.reserved_ids == RESERVED_IDS
    assert loaded.support_threshold == POLICY.support_threshold
    player = LocalPlayer(loaded, PLAYER.parameters, PLAYER.sampling, STOP, 8)
    assert player.answer(PROMPTS, [1, 2, 3]) == PLAYER.answer(PROMPTS, [1, 2, 3])
