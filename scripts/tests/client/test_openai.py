"""The official Python client against the running server, and the README's example of it."""

import asyncio
import re
from pathlib import Path

import openai
import pytest

EXAMPLES = Path(__file__).parents[3] / "test" / "examples"
GUESS = re.compile(r"([a-z] ){4}[a-z]")
PROMPT = "Wordle:\n"


@pytest.fixture(scope="module")
def client(server_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server_url}/v1", api_key="none", max_retries=0)


def test_the_readmes_example_prints_a_guess(
    server_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (EXAMPLES / "openai_python.py").read_text()
    exec(compile(program.replace("http://127.0.0.1:8000", server_url), "example", "exec"), {})
    assert GUESS.fullmatch(capsys.readouterr().out.strip())


def test_extra_body_reaches_the_policy(client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model="wordle",
        prompt=PROMPT,
        max_tokens=5,
        logprobs=2,
        extra_body={"beta": 8, "qsft": {"details": True}},
    )
    assert answer.model_extra is not None
    assert answer.model_extra["qsft"]["beta"] == 8
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and logprobs.tokens is not None
    assert len(logprobs.tokens) == 5
    assert logprobs.model_extra is not None


def test_a_streamed_completion_is_the_whole_one(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="wordle", prompt=PROMPT, max_tokens=10, seed=3)
    stream = client.completions.create(
        model="wordle",
        prompt=PROMPT,
        max_tokens=10,
        seed=3,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.text for chunk in chunks for c in chunk.choices) == whole.choices[0].text
    assert chunks[-1].usage is not None and whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_chat_and_responses_give_the_same_guess(client: openai.OpenAI) -> None:
    chat = client.chat.completions.create(
        model="wordle", seed=5, messages=[{"role": "user", "content": "Let us play Wordle."}]
    )
    with client.responses.stream(
        model="wordle", input="Let us play Wordle.", extra_body={"seed": 5}
    ) as stream:
        response = stream.get_final_response()
    assert response.output_text == chat.choices[0].message.content
    assert GUESS.fullmatch(response.output_text)


def test_a_chat_streams(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="wordle", messages=[{"role": "user", "content": "Let us play Wordle."}]
    ) as stream:
        final = stream.get_final_completion()
    assert GUESS.fullmatch(final.choices[0].message.content or "")


def test_what_is_refused_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        client.completions.create(model="wordle", prompt=PROMPT, extra_body={"beta": -1})
    assert refusal.value.param == "beta"
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="other", prompt=PROMPT)


async def ask_in_parallel(url: str) -> list[str]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        answers = await asyncio.gather(
            *(
                client.completions.create(model="wordle", prompt=PROMPT, max_tokens=5, seed=seed)
                for seed in range(8)
            )
        )
    return [answer.choices[0].text for answer in answers]


def test_the_async_client_asks_in_parallel(server_url: str, client: openai.OpenAI) -> None:
    together = asyncio.run(ask_in_parallel(server_url))
    alone = [
        client.completions.create(model="wordle", prompt=PROMPT, max_tokens=5, seed=seed)
        for seed in range(8)
    ]
    assert together == [answer.choices[0].text for answer in alone]
