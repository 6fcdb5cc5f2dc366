"""Would it pay to let the behavior model draft and the value model check several tokens at once?

python bench/speculative.py out/bench/int4    # from scripts/

The policy that acts is π̂(a|s) ∝ π_φ(a|s)·exp(β·p_θ(a|s)). A round of speculative decoding draws k
tokens from the behavior model one after the other, which also gives π_φ at each, then runs the
value model once over k + 1 tokens, accepts draft a with probability min(1, π̂(a)/π_φ(a)) and, at the
first that it refuses, draws from what π̂ has left; the tokens are distributed as π̂. Per position a
draft is accepted with probability Σ_a min(π̂(a), π_φ(a)).

Acceptance comes from the bundled policy playing Wordle, time from models of the benchmarks' shape,
whose random weights say nothing about acceptance.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qsft.encoding import load_tokenizer
from qsft.export.contract import STEP_FILE, graph_file
from qsft.export.graph_runner import Array, Chunk, GraphRunner, policy_inputs
from qsft.policy.extraction import PolicyParameters, step_weights
from qsft.policy.sampling import SamplingParameters, sample_token, uniform
from qsft.tasks.episodes import play
from qsft.tasks.wordle.play import ANSWER_FORMAT, new_games

WORDLE = Path(__file__).parents[2] / "models" / "wordle"
WORDLE_LENGTH = 128  # tokens of cache a game
CACHE_LENGTH = 128
PAST = 64
WARM_UP_TURNS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DraftedAnswer:
    """By token of one answer of π̂."""

    accepted: Floats  # Σ_a min(π̂(a), π_φ(a)) where it was drawn
    kept: Floats  # min(1, π_φ/π̂) of the token: the chance that it came from the draft


def expected_rounds(kept: Sequence[float], drafts: int) -> float:
    """Rounds of `drafts` drafts that an answer takes; `kept` as in `DraftedAnswer`."""
    count = len(kept)
    rounds = [0.0] * (count + drafts + 1)  # from each token on; behind the answer none
    for start in reversed(range(count)):
        reached = 1.0  # the chance that all drafts so far were accepted
        rounds[start] = 1.0
        for place in range(start, min(start + drafts, count)):
            rounds[start] += reached * (1 - kept[place]) * rounds[place + 1]
            reached *= kept[place]
        rounds[start] += reached * rounds[start + drafts + 1]
    return rounds[0]


class DraftingPlayer:
    """The bundled policy at one β, with what the draft would have been accepted of its answers."""

    def __init__(self, beta: float, games: int) -> None:
        self.answers: list[DraftedAnswer] = []
        self._tokenizer = load_tokenizer(WORDLE)
        self._runner = GraphRunner(WORDLE / STEP_FILE, games, WORDLE_LENGTH)
        self._weights = step_weights(PolicyParameters("kl", beta))

    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """Five letters to each prompt."""
        encode = self._tokenizer.encode
        texts = [encode(prompt, add_special_tokens=False).ids for prompt in prompts]
        extra = policy_inputs([self._weights] * len(texts))
        chunks = [Chunk(0, ids) for ids in texts]
        tokens: list[list[int]] = [[] for _ in texts]
        rows: list[tuple[Floats, Floats]] = []
        for step in range(ANSWER_FORMAT.max_tokens):
            width = max(len(chunk.ids) for chunk in chunks)
            last = [row * width + len(chunk.ids) - 1 for row, chunk in enumerate(chunks)]
            outputs = self._runner.run(chunks, last, extra)
            scores = outputs["scores"].astype(np.float32)
            for row, answer in enumerate(tokens):
                draw = uniform(seeds[row], 0, step)
                answer.append(sample_token(scores[row], SamplingParameters(), draw))
            rows.append(_acceptance(outputs, [answer[-1] for answer in tokens]))
            chunks = [
                Chunk(len(text) + step, [answer[-1]])
                for text, answer in zip(texts, tokens, strict=True)
            ]
        accepted, kept = (np.stack(columns, axis=1) for columns in zip(*rows, strict=True))
        self.answers += map(DraftedAnswer, accepted, kept)
        return [self._tokenizer.decode(answer) for answer in tokens]


def _acceptance(outputs: dict[str, Array], tokens: list[int]) -> tuple[Floats, Floats]:
    """Of each row: what is accepted of any draft, and of its own token."""
    logprobs = outputs["scores"].astype(np.float64)
    logprobs -= outputs["log_normalizer"].astype(np.float64)[:, None]
    behavior = outputs["behavior_logprobs"].astype(np.float64)
    accepted = np.exp(np.minimum(logprobs, behavior)).sum(axis=1)
    rows = np.arange(len(tokens))
    return accepted, np.exp(np.minimum(0.0, (behavior - logprobs)[rows, tokens]))


@dataclass(frozen=True)
class RoundTimes:
    """Medians in seconds."""

    step: float  # both models and their combination, one token
    rounds: dict[int, float]  # by the number of drafts


def time_rounds(folder: Path, batch: int, drafts: Sequence[int], turns: int) -> RoundTimes:
    """A round of k drafts: k + 1 behavior steps, the last for the token after them, and the check.

    On the CPU, GroupQueryAttention takes several tokens after a past of one row alone, so the value
    model checks row after row.
    """
    extra = policy_inputs([step_weights(PolicyParameters())] * batch)
    both = GraphRunner(folder / STEP_FILE, batch, CACHE_LENGTH)
    behavior = GraphRunner(folder / graph_file("behavior"), batch, CACHE_LENGTH)
    value = GraphRunner(folder / graph_file("value"), 1, CACHE_LENGTH)
    one = [Chunk(PAST, [2])] * batch
    runs = {
        "step": lambda: both.run(one, range(batch), extra),
        "draft": lambda: behavior.run(one, range(batch), {}),
    } | {
        f"check {k}": lambda k=k: value.run([Chunk(PAST, [2] * (k + 1))], range(k + 1), {})
        for k in drafts
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(WARM_UP_TURNS + turns):
        for name, run in runs.items():
            # The threads of the session before may still be spinning in its first run.
            run()
            started = time.perf_counter()
            run()
            if turn >= WARM_UP_TURNS:
                seconds[name].append(time.perf_counter() - started)
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    rounds = {k: (k + 1) * median["draft"] + batch * median[f"check {k}"] for k in drafts}
    return RoundTimes(median["step"], rounds)


def table_row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Study speculative decoding.")
    parser.add_argument("folder", type=Path, help="the models to time")
    parser.add_argument("--beta", type=float, nargs="+", default=[0, 1, 8, 64, 256, 1024, 4096])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--games", type=int, default=500, help="of Wordle, for each β")
    parser.add_argument("--turns", type=int, default=20, help="steps that are timed")
    arguments = parser.parse_args()
    drafts = (1, 2, 3, 4)

    print(f"{arguments.folder}. Wordle: {arguments.games} games for each β, at temperature 1.\n")
    print(table_row(["β", "drafts accepted", *(f"tokens a round, k = {k}" for k in drafts)]))
    print(table_row(["---"] * (2 + len(drafts))))
    tokens_a_round: dict[float, list[float]] = {}
    for beta in arguments.beta:
        player = DraftingPlayer(beta, arguments.games)
        play(player, new_games(arguments.games, seed=0), ANSWER_FORMAT, seed=0)
        accepted = np.mean([answer.accepted for answer in player.answers])
        tokens_a_round[beta] = [
            ANSWER_FORMAT.max_tokens
            / float(
                np.mean([expected_rounds(answer.kept.tolist(), k) for answer in player.answers])
            )
            for k in drafts
        ]
        counts = (f"{tokens:.2f}" for tokens in tokens_a_round[beta])
        print(table_row([f"{beta:g}", f"{accepted:.1%}", *counts]), flush=True)

    heading = ["batch", "k", "step of both, ms", "round, ms", "limit: all accepted"]
    print("\nTokens/s of speculative decoding to those of plain decoding:\n")
    print(table_row([*heading, *(f"β = {beta:g}" for beta in arguments.beta)]))
    print(table_row(["---"] * (len(heading) + len(arguments.beta))))
    for batch in arguments.batch:
        times = time_rounds(arguments.folder, batch, drafts, arguments.turns)
        for index, k in enumerate(drafts):
            steps = times.step / times.rounds[k]
            cells = [batch, k, f"{times.step * 1e3:.1f}", f"{times.rounds[k] * 1e3:.1f}"]
            speed = [k + 1, *(tokens[index] for tokens in tokens_a_round.values())]
            print(table_row([*cells, *(f"{tokens * steps:.2f} ×" for tokens in speed)]), flush=True)


if __name__ == "__main__":
    main()
