"""lm-eval against the running server, with its remote tokenizer: its numbers are the policy's.

A policy whose every token ends with white space gets whole texts only: lm-eval moves white space
between a prompt and what follows it."""

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import openai
import pytest

TASKS = Path(__file__).parent / "lm_eval_tasks"
GAMES = [json.loads(line) for line in (TASKS / "games.jsonl").read_text().splitlines()]
# A client without fields of its own chooses by the model's name.
MODEL = "wordle@beta=0"
END_OF_TEXT = 2


@pytest.fixture(scope="module")
def results(
    server_url: str, client_programs: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("lm-eval")
    options = {
        "model": MODEL,
        "base_url": f"{server_url}/v1/completions",
        "tokenizer_backend": "remote",
        "num_concurrent": "2",
        "max_retries": "1",
    }
    run = subprocess.run(
        [
            *(str(client_programs / "lm_eval"), "run", "--model", "local-completions"),
            *("--model_args", ",".join(f"{name}={value}" for name, value in options.items())),
            *("--include_path", str(TASKS), "--output_path", str(folder / "out")),
            *("--tasks", "wordle_fitting_guess,wordle_games"),
        ],
        cwd=TASKS,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    [report] = (folder / "out").rglob("results*.json")
    return json.loads(report.read_text())["results"]


def log_likelihood(client: openai.OpenAI, url: str, text: str) -> float:
    ids = client.post(f"{url}/tokenize", body={"prompt": text}, cast_to=dict[str, Any])["tokens"]
    answer = client.completions.create(
        model=MODEL, prompt=[END_OF_TEXT, *ids], max_tokens=0, echo=True, logprobs=1
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and logprobs.token_logprobs is not None
    return math.fsum(logprobs.token_logprobs[1:])


def test_the_game_whose_last_guess_fits_is_likelier(results: dict[str, Any]) -> None:
    assert results["wordle_fitting_guess"]["acc,none"] == 1


def test_whole_games_are_as_likely_as_the_policy_says(
    results: dict[str, Any], server_url: str
) -> None:
    client = openai.OpenAI(base_url=f"{server_url}/v1", api_key="none")
    texts = [game["choices"][game["label"]] for game in GAMES]
    nats = -math.fsum(log_likelihood(client, server_url, text) for text in texts)
    expected = nats / math.log(2) / sum(len(text.encode()) for text in texts)
    assert results["wordle_games"]["bits_per_byte,none"] == pytest.approx(expected, rel=1e-6)
