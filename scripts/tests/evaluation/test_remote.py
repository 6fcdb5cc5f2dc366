"""A policy behind a server: what it is asked, in which order answers come, what fails."""

import threading
from collections.abc import Iterator

import pytest
from stub_server import StubServer, answer_to, serve_stub

from qsft.evaluation import remote
from qsft.evaluation.remote import RemoteError, RemotePlayer, served_model
from qsft.policy.extraction import PolicyParameters
from qsft.policy.sampling import SamplingParameters


@pytest.fixture
def server() -> Iterator[StubServer]:
    with serve_stub() as stub:
        yield stub


def make_player(url: str, concurrency: int = 4) -> RemotePlayer:
    parameters = PolicyParameters("entropy", 16.0, "ratio")
    return RemotePlayer(
        url, "stub", parameters, SamplingParameters(temperature=0.5), "\n", 5, concurrency
    )


def test_answers_come_in_the_order_of_the_prompts(server: StubServer) -> None:
    prompts = ["x" * length for length in range(1, 21)]
    found = make_player(server.url).answer(prompts, range(100, 120))
    assert found == [answer_to(*pair) for pair in zip(prompts, range(100, 120), strict=True)]


def test_a_request_carries_every_setting(server: StubServer) -> None:
    make_player(server.url).answer(["Wordle:\n"], [2**40])
    assert server.bodies == [
        {
            "model": "stub",
            "prompt": "Wordle:\n",
            "max_tokens": 5,
            "stop": "\n",
            "seed": 2**40,
            "temperature": 0.5,
            "extraction": "entropy",
            "beta": 16.0,
            "q": "ratio",
        }
    ]


def test_as_many_requests_as_allowed_are_in_flight_together(server: StubServer) -> None:
    # Each waits until three have come: with fewer in flight the barrier would break.
    server.together = threading.Barrier(3)
    assert len(make_player(server.url, concurrency=3).answer(["p"] * 9, range(9))) == 9


def test_a_refusal_names_the_server_the_status_and_its_answer(server: StubServer) -> None:
    server.status = 429
    expected = rf"{server.url}/v1/completions: 429, .*choices"
    with pytest.raises(RemoteError, match=expected):
        make_player(server.url).answer(["p"], [0])
    with pytest.raises(RemoteError, match=rf"{server.url}/v1/models: 429"):
        served_model(server.url)


def test_a_server_that_is_not_there_is_named() -> None:
    with serve_stub() as stub:
        url = stub.url
    with pytest.raises(RemoteError, match=rf"{url}: \S"):
        make_player(url).answer(["p"], [0])
    with pytest.raises(RemoteError, match=rf"{url}: \S"):
        served_model(url)


def test_a_server_that_does_not_answer_in_time_is_named_with_what_happened(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.together = threading.Barrier(2)  # of which the second never comes
    monkeypatch.setattr(remote, "_TIMEOUT_S", 0.2)
    with pytest.raises(RemoteError, match=rf"^{server.url}: ReadTimeout$"):
        make_player(server.url).answer(["p"], [0])
    server.together.abort()


def test_the_first_model_that_a_server_offers_is_asked(server: StubServer) -> None:
    assert served_model(server.url) == "stub"
