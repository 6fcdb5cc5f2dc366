"""The server as a process, and clients of it that time what they get."""

import json
import random
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VOCABULARY = 49_152
FIRST_WORD = 2  # ids below are reserved
REQUEST_TIMEOUT_S = 300


@dataclass(frozen=True)
class Level:
    """So many answers at a time."""

    prefill_seconds: float  # until every answer has its first token
    seconds: float
    tokens: int
    first_token_p50_ms: float
    host_bytes: float = 0  # that came from the device, a token


@contextmanager
def served(command: list[str]) -> Iterator[str]:
    """The address of a server that runs until the end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    try:
        for line in process.stdout:
            entry = json.loads(line) if line.startswith("{") else {}
            if "url" in entry:
                # A log that nobody reads would fill its pipe and stop the server.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                yield entry["url"]
                return
        raise SystemExit(process.stderr.read().strip())
    finally:
        process.terminate()
        process.wait(60)


def command(node: str, server: Path, policy: Path, device: str, library: str | None) -> list[str]:
    flags = {"model": policy, "device": device, "max-sequences": 128, "max-model-len": 128}
    # Else one request's prompt would be another's prefix.
    settings = flags | {"prefix-cache": "off", "port": 0, "max-stop-strings": 4}
    if library is not None:
        settings["ort-library"] = library
    return [node, str(server), *(t for k, v in settings.items() for t in (f"--{k}", str(v)))]


def prompt(seed: int, tokens: int) -> str:
    words = random.Random(seed)
    return "".join(f"t{words.randrange(FIRST_WORD, VOCABULARY)} " for _ in range(tokens))


def post(url: str, path: str, body: dict[str, Any]) -> Any:
    with _open(url, path, body) as response:
        return json.load(response)


def host_bytes(url: str) -> float:
    """All that the server has brought from its device to the host so far."""
    with urllib.request.urlopen(url + "/metrics", timeout=REQUEST_TIMEOUT_S) as response:
        lines = response.read().decode().splitlines()
    counted = [line for line in lines if line.startswith("qsft_device_to_host_bytes_total")]
    return sum(float(line.rpartition(" ")[2]) for line in counted)


def run_level(
    url: str,
    model: str,
    concurrency: int,
    prompt_tokens: int,
    answer: int,
    fields: Mapping[str, Any] | None = None,
) -> Level:
    """`fields`: what each request says beside its prompt and length."""

    def client(seed: int) -> tuple[float, int]:
        body = {
            "model": model,
            "prompt": prompt(seed, prompt_tokens),
            "max_tokens": answer,
            "seed": seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        } | dict(fields or {})
        first, tokens = 0.0, 0
        with _open(url, "/v1/completions", body) as response:
            for line in response:
                if not line.startswith(b"data: {"):
                    continue
                if line.startswith(b'data: {"error"'):
                    raise SystemExit(f"The server failed: {line[6:].decode().strip()}")
                first = first or time.perf_counter() - started
                if b'"usage":{' in line:
                    tokens = json.loads(line[6:])["usage"]["completion_tokens"]
        return first, tokens

    bytes_before = host_bytes(url)
    started = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        answers = list(pool.map(client, range(concurrency)))
    seconds = time.perf_counter() - started
    firsts = sorted(first for first, _ in answers)
    tokens = sum(tokens for _, tokens in answers)
    return Level(
        prefill_seconds=firsts[-1],
        seconds=seconds,
        tokens=tokens,
        first_token_p50_ms=1000 * firsts[(len(firsts) - 1) // 2],
        host_bytes=(host_bytes(url) - bytes_before) / tokens,
    )


def _open(url: str, path: str, body: dict[str, Any]) -> Any:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    return urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S)
