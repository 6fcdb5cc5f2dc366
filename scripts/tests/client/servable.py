"""A hook of Schemathesis: requests name the served policy and have text that it can read.
Others would seldom get as far as an answer."""

from typing import Any

import schemathesis

TEXT = "s h i r e\n"
SECONDS = 100
FIELDS = ("prompt", "continuations")


@schemathesis.hook
def before_call(context: object, case: schemathesis.Case, kwargs: object) -> None:
    if not isinstance(case.body, dict):
        return
    body = dict(case.body)
    if isinstance(body.get("model"), str):
        body["model"] = "wordle"
    for field in FIELDS:
        if field in body:
            body[field] = readable(body[field])
    if isinstance(body.get("messages"), list):
        body["messages"] = [spoken(message) for message in body["messages"]]
    if body.get("stream") is False:
        # Streams would be few, and their shape differs from that of whole answers.
        body["stream"] = True
    if isinstance(body.get("timeout"), int | float) and 0 < body["timeout"] < SECONDS:
        # Less is a 504, as it should be.
        body["timeout"] = SECONDS
    case.body = body


def readable(value: Any) -> Any:
    if isinstance(value, str):
        return TEXT
    return [readable(item) for item in value] if isinstance(value, list) else value


def spoken(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    if message.get("role") == "assistant" and isinstance(message.get("content"), str):
        return {**message, "content": TEXT}
    return {"content": TEXT, "tool_call_id": "call", **message}
