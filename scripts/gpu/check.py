"""Parity of a device with the CPU, of its draws with the host's, then speed and bytes that cross.

scripts/gpu-check.sh runs this; it writes OUT/gpu-check.json and OUT/gpu-check.md.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import peer
from served import command, post, prompt, run_level, served

PROMPT_TOKENS, ANSWER_TOKENS = 32, 64
PARITY_PROMPTS, PARITY_TOKENS = 8, 16
PARITY_LIMIT = 0.05  # nats a token, from float16 on the CPU
LEAST_SAME_DRAWS = 0.95  # a token that rounding changes changes those behind it
HOST_BYTES_LIMIT = 4096  # a sequence and step
# Each is drawn where the scores lie; a bias, be it 0, has the host draw from the row.
DRAWS: tuple[dict[str, Any], ...] = ({}, {"top_k": 40})
TRUNCATED = {"top_k": 40, "logprobs": 5}
HOST_DRAWS = {"logit_bias": {"2": 0}}


@dataclass(frozen=True)
class Parity:
    largest_difference: float  # of a continuation's log-probability, nats a token
    same_greedy: float  # share of greedy tokens that are the CPU's


def answers(url: str, model: str) -> tuple[list[float], list[list[str]]]:
    """Log-probabilities of given continuations, and greedy answers."""
    scores: list[float] = []
    greedy: list[list[str]] = []
    for seed in range(PARITY_PROMPTS):
        text = prompt(seed, PROMPT_TOKENS)
        wanted = {"prompt": text, "continuations": [prompt(1000 + seed, PARITY_TOKENS)]}
        scored = post(url, "/v1/score", {"model": model} | wanted)
        scores.append(scored["data"][0]["logprob"] / PARITY_TOKENS)
        body = {"model": model, "prompt": text, "max_tokens": PARITY_TOKENS, "temperature": 0}
        greedy.append(post(url, "/v1/completions", body)["choices"][0]["text"].split())
    return scores, greedy


def compare(
    device: tuple[list[float], list[list[str]]], cpu: tuple[list[float], list[list[str]]]
) -> Parity:
    return Parity(
        largest_difference=max(abs(a - b) for a, b in zip(device[0], cpu[0], strict=True)),
        same_greedy=same_share(device[1], cpu[1]),
    )


def drawn(url: str, model: str, fields: Mapping[str, Any]) -> list[list[str]]:
    """Seeded answers."""
    bodies = [
        {"model": model, "prompt": prompt(seed, PROMPT_TOKENS), "max_tokens": PARITY_TOKENS}
        | {"seed": seed, **fields}
        for seed in range(PARITY_PROMPTS)
    ]
    return [post(url, "/v1/completions", body)["choices"][0]["text"].split() for body in bodies]


def same_share(ours: list[list[str]], theirs: list[list[str]]) -> float:
    """Of tokens, at their places."""
    pairs = [
        (one, other)
        for mine, its in zip(ours, theirs, strict=True)
        for one, other in zip(mine, its, strict=True)
    ]
    return sum(one == other for one, other in pairs) / len(pairs)


def timing(level: Mapping[str, float]) -> dict[str, float]:
    """As scripts/bench/results.json has it."""
    return {
        "prefillSeconds": level["prefill_seconds"],
        "seconds": level["seconds"],
        "tokens": level["tokens"],
    }


def variants(shape: str, models: Path, device: str) -> dict[str, Path]:
    """Policies of one shape by what they are called; of the last two the CPU has no attention."""
    found = {f"{shape}, fp16": models / shape / "policy"}
    if device != "cpu":
        found[f"{shape}, bf16"] = models / shape / "bf16"
        found[f"{shape}, fp16, paged"] = models / shape / "paged"
    return found


def check_shape(shape: str, models: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A record for each policy of the shape; all have one peer, and weights of one size."""
    slots = models / shape / "policy"
    levels = [int(text) for text in options.concurrency.split(",")]
    with served(command(options.node, options.server, slots, "cpu", None)) as url:
        expected = answers(url, model_id(slots))
    measured = {
        name: measure(policy, levels, expected, options)
        for name, policy in variants(shape, models, options.device).items()
    }
    transformers = peer.Peer(models / shape / "checkpoint", options.device)
    transformers.run_level(1, PROMPT_TOKENS, 4)
    theirs = [transformers.run_level(n, PROMPT_TOKENS, ANSWER_TOKENS) for n in levels]
    weights = sum(file.stat().st_size for file in slots.glob("*.data"))
    common = {
        "levels": levels,
        "transformers": [vars(level) for level in theirs],
        "weightBytes": weights,
        "limitTokensPerSecond": peer.bytes_per_second(options.device) / weights,
    }
    return [
        {"shape": name}
        | common
        | found
        | {
            "timings": {
                f"this server, {name}": [[timing(level)] for level in found["ours"]],
                f"Transformers, {shape}": [[timing(vars(level))] for level in theirs],
            }
        }
        for name, found in measured.items()
    ]


def model_id(policy: Path) -> str:
    name: str = json.loads((policy / "policy.json").read_text())["id"]
    return name


def measure(
    policy: Path,
    levels: list[int],
    expected: tuple[list[float], list[list[str]]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """One policy on the device, against what the CPU said of its weights."""
    name = model_id(policy)
    start = (options.node, options.server, policy, options.device, options.library)
    with served(command(*start)) as url:
        parity = compare(answers(url, name), expected)
        run_level(url, name, 1, PROMPT_TOKENS, 4)  # kernels are loaded at their first use
        same_draws = min(
            same_share(drawn(url, name, fields), drawn(url, name, fields | HOST_DRAWS))
            for fields in DRAWS
        )
        ours = [run_level(url, name, n, PROMPT_TOKENS, ANSWER_TOKENS) for n in levels]
        truncated = run_level(url, name, 1, PROMPT_TOKENS, ANSWER_TOKENS, TRUNCATED)
    return {
        "parity": vars(parity),
        "parityHolds": parity.largest_difference <= PARITY_LIMIT,
        "ours": [vars(level) for level in ours],
        "sameDraws": same_draws,
        "drawsHold": same_draws >= LEAST_SAME_DRAWS,
        "truncatedHostBytes": truncated.host_bytes,
    }


def table(found: list[dict[str, Any]]) -> str:
    head = ("shape", "at once", "tokens/s", "first token p50, ms", "bytes to the host a token")
    head += ("Transformers", "times", "limit")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for shape in found:
        rows = zip(shape["levels"], shape["ours"], shape["transformers"], strict=True)
        for level, ours, theirs in rows:
            rate, other = (side["tokens"] / side["seconds"] for side in (ours, theirs))
            share = f"{rate / shape['limitTokensPerSecond']:.0%}" if level == 1 else ""
            first = f"{ours['first_token_p50_ms']:.1f}"
            crossed = f"{ours['host_bytes']:.0f}"
            cells = (shape["shape"], level, f"{rate:.0f}", first, crossed, f"{other:.0f}")
            times = f"{rate / other:.2f} ×"
            lines.append("| " + " | ".join(str(c) for c in (*cells, times, share)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Check a device against the CPU.")
    parser.add_argument("models", type=Path, help="a folder a shape, as make_policy.py makes them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shapes", default="135m,1b")
    parser.add_argument("--concurrency", default="1,8,32,128")
    parser.add_argument("--node", default="node")
    parser.add_argument("--server", type=Path, required=True, help="dist/main.js")
    parser.add_argument("--library", help="the libonnxruntime of the device")
    options = parser.parse_args()
    shapes = options.shapes.split(",")
    found = [record for s in shapes for record in check_shape(s, options.models, options)]
    machine = f"{date.today()}, {peer.device_name(options.device)}"
    levels = found[0]["levels"]
    workload = {"promptTokens": PROMPT_TOKENS, "answerTokens": ANSWER_TOKENS}
    report = {
        "machine": machine,
        "workloads": [{"concurrency": level} | workload for level in levels],
        "timings": {name: rows for shape in found for name, rows in shape["timings"].items()},
        "shapes": found,
    }
    notes = [
        f"{shape['shape']}: {shape['parity']['largest_difference']:.1e} nats a token from the CPU,"
        f" {shape['parity']['same_greedy']:.0%} of greedy tokens the same;"
        f" {shape['sameDraws']:.0%} of the tokens that the device drew are those the host draws;"
        f" {shape['truncatedHostBytes']:.0f} bytes to the host a token with top_k and logprobs"
        f" (aim: at most {HOST_BYTES_LIMIT:,})"
        for shape in found
    ]
    text = "\n".join([f"{machine}.", "", table(found), "", *(f"- {note}" for note in notes), ""])
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu-check.json").write_text(json.dumps(report, indent=2) + "\n")
    (options.out / "gpu-check.md").write_text(text)
    print(text)
    if not all(shape["parityHolds"] for shape in found):
        raise SystemExit(f"Parity does not hold: at most {PARITY_LIMIT} nats a token are allowed.")
    if not all(shape["drawsHold"] for shape in found):
        raise SystemExit(f"Draws do not hold: {LEAST_SAME_DRAWS:.0%} must be the host's.")


if __name__ == "__main__":
    main()
