"""A server that answers like the real one's `/v1/completions`, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEADLINE_S = 60.0


@dataclass
class StubServer:
    """`bodies` are the requests in the order they came; each is answered with its seed's text."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    # Requests wait for each other until so many are in flight.
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))


def answer_to(prompt: str, seed: int) -> str:
    return f"{len(prompt)}-{seed}"


@contextmanager
def serve_stub() -> Iterator[StubServer]:
    stub = StubServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({"object": "list", "data": [{"id": "stub"}, {"id": "other"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            stub.bodies.append(body)
            stub.together.wait(DEADLINE_S)
            text = answer_to(body["prompt"], body["seed"])
            self._reply({"choices": [{"index": 0, "text": text}]})

        def _reply(self, content: dict[str, Any]) -> None:
            payload = json.dumps(content).encode()
            self.send_response(stub.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Tests read answers, not logs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(DEADLINE_S)
