"""A policy behind a running server: the same questions over `/v1/completions`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from qsft.policy.extraction import PolicyParameters
from qsft.policy.sampling import SamplingParameters

_TIMEOUT_S = 120.0


class RemoteError(Exception):
    """The server cannot be reached or refused; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class RemotePlayer:
    """Answers prompts with one setting of a served policy, `concurrency` requests at a time."""

    url: str
    model: str
    parameters: PolicyParameters
    sampling: SamplingParameters
    stop: str
    max_tokens: int
    concurrency: int = 32

    def answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """Continue each prompt up to `stop`; raises RemoteError when the server refuses."""
        return asyncio.run(self._answer(prompts, seeds))

    async def _answer(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        places = asyncio.Semaphore(self.concurrency)
        async with httpx.AsyncClient(base_url=self.url, timeout=_TIMEOUT_S) as client:

            async def complete(prompt: str, seed: int) -> str:
                async with places:
                    response = await client.post("/v1/completions", json=self._body(prompt, seed))
                text: str = _content(response)["choices"][0]["text"]
                return text

            try:
                return await asyncio.gather(*map(complete, prompts, seeds))
            except httpx.TransportError as error:
                raise _unreachable(self.url, error) from error

    def _body(self, prompt: str, seed: int) -> dict[str, object]:
        return {
            "model": self.model,
            "prompt": prompt,
            "max_tokens": self.max_tokens,
            "stop": self.stop,
            "seed": seed,
            "temperature": self.sampling.temperature,
            "extraction": self.parameters.extraction,
            "beta": self.parameters.beta,
            "q": self.parameters.q,
        }


def served_model(url: str) -> str:
    """The id of the first model a server offers."""
    try:
        response = httpx.get(f"{url}/v1/models", timeout=_TIMEOUT_S)
    except httpx.TransportError as error:
        raise _unreachable(url, error) from error
    model: str = _content(response)["data"][0]["id"]
    return model


def _content(response: httpx.Response) -> Any:
    if response.is_error:
        raise RemoteError(f"{response.url}: {response.status_code}, {response.text.strip()}")
    return response.json()


def _unreachable(url: str, error: httpx.TransportError) -> RemoteError:
    return RemoteError(f"{url}: {str(error) or type(error).__name__}")
