"""The Transformers loop over two models on a device, and how fast that device's memory is."""

import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parents[1] / "bench" / "peers"))
import protocol
from served import Level


class Peer:
    """`behavior` and `value` of one checkpoint in float16 (float32 on a CPU)."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        dtype = torch.float32 if device == "cpu" else torch.float16
        self._device = device
        self._models = [
            AutoModelForCausalLM.from_pretrained(checkpoint / role, dtype=dtype).to(device).eval()
            for role in ("behavior", "value")
        ]

    @torch.inference_mode()
    def run_level(self, concurrency: int, prompt_tokens: int, answer: int) -> Level:
        shape = (concurrency, prompt_tokens)
        ids = torch.randint(2, protocol.VOCABULARY, shape, device=self._device)
        caches = [None, None]
        started = time.perf_counter()
        first = 0.0
        for _ in range(answer):
            logits: list[Tensor] = []
            for index, model in enumerate(self._models):
                output = model(ids, past_key_values=caches[index], use_cache=True, logits_to_keep=1)
                caches[index] = output.past_key_values
                logits.append(output.logits[:, -1])
            ids = protocol.draw(logits[0], logits[1])[:, None]
            ids.tolist()  # a server has to have the tokens
            first = first or time.perf_counter() - started
        seconds = time.perf_counter() - started
        return Level(first, seconds, concurrency * answer, 1000 * first)


def bytes_per_second(device: str) -> float:
    """What a copy within the device's memory reads and writes, the best of several."""
    count = (64 if device == "cpu" else 1024) * 2**20
    source = torch.ones(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(8):
        _wait(device)
        started = time.perf_counter()
        target.copy_(source)
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * count / best


def device_name(device: str) -> str:
    return "CPU" if device == "cpu" else torch.cuda.get_device_name()


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
