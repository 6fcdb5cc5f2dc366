"""The official Python client's helpers for streams, with tools and with forms, on a policy with
random weights: what they put together of the events is what the whole answer is."""

from typing import Any

import openai
import pytest
from openai.lib._tools import ResponsesPydanticFunctionTool
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "a"}]
CUT = 20


class Light(BaseModel):
    on: bool


@pytest.fixture(scope="module")
def client(json_server_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{json_server_url}/v1", api_key="none", max_retries=0)


def chat_tool() -> Any:
    return openai.pydantic_function_tool(Light, name="f")


def response_tool() -> Any:
    return ResponsesPydanticFunctionTool(
        {"type": "function", **chat_tool()["function"]}, Light
    ).cast()


def test_a_chat_parses_what_is_of_a_schema(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="tiny", messages=MESSAGES, seed=1, response_format=Light
    ) as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    whole = client.chat.completions.parse(
        model="tiny", messages=MESSAGES, seed=1, response_format=Light
    )
    assert isinstance(parsed, Light)
    assert parsed == whole.choices[0].message.parsed


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_a_chat_parses_the_arguments_of_forced_calls(client: openai.OpenAI, choice: Any) -> None:
    with client.chat.completions.stream(
        model="tiny",
        messages=MESSAGES,
        seed=1,
        n=2,
        tools=[chat_tool()],
        tool_choice=choice,
        logprobs=True,
        stream_options={"include_usage": True},
    ) as stream:
        done = [
            event.parsed_arguments
            for event in stream
            if event.type == "tool_calls.function.arguments.done"
        ]
        final = stream.get_final_completion()
    assert len(done) == 2
    assert final.usage is not None
    for answer in final.choices:
        assert answer.finish_reason == "tool_calls"
        assert answer.message.content is None
        (call,) = answer.message.tool_calls or []
        assert isinstance(call.function.parsed_arguments, Light)


def test_a_chat_tells_that_its_call_is_cut(client: openai.OpenAI) -> None:
    with (
        pytest.raises(openai.LengthFinishReasonError),
        client.chat.completions.stream(
            model="tiny",
            messages=MESSAGES,
            tools=[chat_tool()],
            tool_choice="required",
            max_tokens=CUT,
        ) as stream,
    ):
        stream.until_done()


def test_a_response_parses_what_is_of_a_schema(client: openai.OpenAI) -> None:
    with client.responses.stream(model="tiny", input="a", text_format=Light) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Light)


def test_a_response_parses_the_arguments_of_a_forced_call(client: openai.OpenAI) -> None:
    with client.responses.stream(
        model="tiny", input="a", tools=[response_tool()], tool_choice="required"
    ) as stream:
        snapshots = [
            event.snapshot
            for event in stream
            if event.type == "response.function_call_arguments.delta"
        ]
        final = stream.get_final_response()
    (call,) = final.output
    assert call.type == "function_call"
    assert snapshots[-1] == call.arguments
    assert Light.model_validate_json(call.arguments) == call.parsed_arguments


def test_a_response_ends_as_incomplete_where_it_is_cut(client: openai.OpenAI) -> None:
    with client.responses.stream(model="tiny", input="a", max_output_tokens=1) as stream:
        *_, last = stream
    assert last.type == "response.incomplete"
