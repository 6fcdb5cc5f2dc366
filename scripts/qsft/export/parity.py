"""Write the vectors that the server's TypeScript is held to: distributions, draws, token sequences.

    python -m qsft.export.parity ../test/fixtures/parity.json

The models are the tiny policy's, from its seeds and in float64: neither ONNX nor rounding has a
part in what is expected. Ids and uniforms must be met exactly, everything else to 1e-4.
"""

import argparse
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qsft.export.contract import MODEL_ROLES
from qsft.export.parity_cases import (
    EDITS,
    MAX_TOKENS,
    POLICIES,
    PROMPTS,
    SAMPLINGS,
    SEEDS,
    Request,
    requests,
)
from qsft.export.tiny import tiny_model, tiny_options
from qsft.policy.extraction import PolicyParameters, PolicyStep, extract, step_weights
from qsft.policy.sampling import sample_token, sampling_under, uniform
from qsft.policy.score_edits import edit_scores
from qsft.tasks.wordle.tokenizer import build_tokenizer

# Logits may differ by this between two right computations: no expected token may hang on it.
NOISE = 1e-4
NOISY_ROWS = 4


class TinyPolicy:
    """Both tiny models in float64, scored from scratch at every step."""

    def __init__(self) -> None:
        self._models = {role: tiny_model(role).double() for role in MODEL_ROLES}
        self.options = tiny_options()

    def score(
        self, ids: Sequence[int], policies: Sequence[PolicyParameters], noise: Tensor | float = 0.0
    ) -> PolicyStep:
        """The position after `ids` under each of N policies; all logits plus noise (N, V)."""
        with torch.no_grad():
            logits = {
                role: model(torch.tensor([list(ids)])).logits[0, -1:].repeat(len(policies), 1)
                + noise
                for role, model in self._models.items()
            }
        return extract(
            logits["behavior"],
            logits["value"],
            [step_weights(policy) for policy in policies],
            self.options.reserved_token_ids,
            self.options.support_threshold,
        )


def parity() -> dict[str, list[dict[str, Any]]]:
    """Everything that the stored file holds."""
    policy = TinyPolicy()
    return {
        "uniforms": _uniforms(),
        "draws": _draws(),
        "edits": _edits(),
        "distributions": [_distributions(policy, prompt) for prompt in PROMPTS],
        "sequences": [_sequence(policy, request) for request in requests()],
    }


def _uniforms() -> list[dict[str, Any]]:
    return [
        {"seed": seed, "choice": choice, "step": step, "uniform": uniform(seed, choice, step)}
        for seed, choice, step in product(SEEDS, (0, 3), (0, 1, 100))
    ]


def _draws() -> list[dict[str, Any]]:
    """Single draws from rows of eight scores with ties, the first reserved."""
    generator = np.random.default_rng(0)
    draws = []
    for sampling, edge in product(SAMPLINGS, (None, None, None, 0.0, 1 - 2.0**-53)):
        scores = (generator.standard_normal(8) * 4).round().astype(np.float32) / np.float32(2)
        scores[0] = np.finfo(np.float32).min
        draw = generator.random() if edge is None else edge
        draws.append(
            {
                "scores": [float(score) for score in scores],
                **asdict(sampling),
                "uniform": draw,
                "token": sample_token(scores, sampling, draw),
            }
        )
    return draws


def _edits() -> list[dict[str, Any]]:
    """Rows of eight scores, the first reserved, before and after each set of edits."""
    generator = np.random.default_rng(1)
    vectors = []
    for edits, answer_length in product(EDITS, (0, 1, 4)):
        scores = generator.standard_normal(8).astype(np.float32) * np.float32(3)
        scores[0] = np.finfo(np.float32).min
        log_normalizer = np.float32(np.logaddexp.reduce(scores.astype(np.float64)))
        prompt_ids, answer_ids = [1, 3, 3], generator.integers(1, 8, answer_length).tolist()
        ending_ids = [2, 7]
        edited = edit_scores(
            scores, float(log_normalizer), edits, prompt_ids, answer_ids, ending_ids
        )
        vectors.append(
            {
                "scores": [float(score) for score in scores],
                "log_normalizer": float(log_normalizer),
                **asdict(edits),
                "prompt_ids": prompt_ids,
                "answer_ids": answer_ids,
                "ending_ids": ending_ids,
                "edited": [float(score) for score in edited],
            }
        )
    return vectors


def _distributions(policy: TinyPolicy, prompt: str) -> dict[str, Any]:
    """The position after a prompt: what the models say, and each policy made of it."""
    ids = build_tokenizer().encode(prompt).ids
    step = policy.score(ids, POLICIES)
    log_policy = step.scores - step.log_normalizer.unsqueeze(-1)
    reserved = policy.options.reserved_token_ids
    return {
        "prompt": prompt,
        "prompt_ids": ids,
        "behavior_logprobs": _rounded(step.behavior_logprobs[0], reserved),
        "value_probs": _rounded(step.value_probs[0]),
        "policies": [
            {
                **asdict(parameters),
                "logprobs": _rounded(log_policy[row], reserved),
                "log_normalizer": round(step.log_normalizer[row].item(), 6),
                "kl": round(step.kl[row].item(), 6),
                "argmax": int(step.argmax[row]),
            }
            for row, parameters in enumerate(POLICIES)
        ],
    }


def _sequence(policy: TinyPolicy, request: Request) -> dict[str, Any]:
    """Tokens until `max_tokens` or one that ends the answer, which is not among them."""
    prompt_ids: list[int] = build_tokenizer().encode(request.prompt).ids
    tokens: list[int] = []
    logprobs: list[float] = []
    finish = "length"
    eos_token_ids = () if request.ignore_eos else policy.options.eos_token_ids
    ending_ids = {*eos_token_ids, *request.stop_token_ids}
    while len(tokens) < MAX_TOKENS:
        token, logprob = _next_token(policy, request, prompt_ids, tokens, ending_ids)
        if token in ending_ids:
            finish = "eos" if token in eos_token_ids else "stop_token"
            break
        tokens.append(token)
        logprobs.append(round(logprob, 6))
    return {
        **asdict(request.policy),
        **asdict(request.sampling),
        **asdict(request.edits),
        "ignore_eos": request.ignore_eos,
        "stop_token_ids": request.stop_token_ids,
        "prompt": request.prompt,
        "prompt_ids": prompt_ids,
        "seed": request.seed,
        "choice": request.choice,
        "max_tokens": MAX_TOKENS,
        "tokens": tokens,
        "logprobs": logprobs,
        "finish": finish,
    }


def _next_token(
    policy: TinyPolicy,
    request: Request,
    prompt_ids: Sequence[int],
    answer_ids: Sequence[int],
    ending_ids: Collection[int],
) -> tuple[int, float]:
    """The token that the request draws and its log-probability, sure in spite of noise."""
    step = len(answer_ids)
    vocab_size = build_tokenizer().get_vocab_size()
    noise = np.random.default_rng(step).uniform(-NOISE, NOISE, (1 + NOISY_ROWS, vocab_size))
    noise[0] = 0.0
    scored = policy.score(
        [*prompt_ids, *answer_ids], [request.policy] * len(noise), torch.from_numpy(noise)
    )
    sampling = sampling_under(request.policy.extraction, request.sampling)
    draw = uniform(request.seed, request.choice, step)
    rows = zip(scored.scores.float().numpy(), scored.log_normalizer.float().tolist(), strict=True)
    token, *noisy = [
        sample_token(
            edit_scores(row, normalizer, request.edits, prompt_ids, answer_ids, ending_ids),
            sampling,
            draw,
        )
        for row, normalizer in rows
    ]
    if set(noisy) != {token}:
        raise ValueError(f"step {step} of {request} hangs on rounding: change the request")
    return token, (scored.scores[0, token] - scored.log_normalizer[0]).item()


def _rounded(values: Tensor, reserved: Sequence[int] = ()) -> list[float | None]:
    """Six decimals; null where a reserved token has no finite log-probability."""
    return [None if i in reserved else round(v, 6) for i, v in enumerate(values.tolist())]


def _one_vector_a_line(sections: dict[str, list[dict[str, Any]]]) -> str:
    texts = [
        f'"{name}": [\n' + ",\n".join(json.dumps(vector) for vector in vectors) + "\n]"
        for name, vectors in sections.items()
    ]
    return "{\n" + ",\n".join(texts) + "\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the parity vectors.")
    parser.add_argument("out", type=Path, help="the file to write")
    parser.parse_args().out.write_text(_one_vector_a_line(parity()))


if __name__ == "__main__":
    main()
