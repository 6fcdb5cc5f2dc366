"""The built server with the bundled policy, for clients of its API (`npm run build` makes it)."""

import json
import subprocess
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[3]
ENTRY = ROOT / "dist" / "main.js"
CLIENTS = ROOT / ".venv-clients" / "bin"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    if not ENTRY.exists():
        pytest.skip("the server is not built: `npm run build`")
    command = ["node", str(ENTRY), "--port", "0", "--threads", "1", "--max-sequences", "4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            started = (json.loads(line) for line in server.stdout)
            url = next(entry["url"] for entry in started if "url" in entry)
            # Read on, so that the pipe never fills.
            Thread(target=deque, args=(server.stdout, 0), daemon=True).start()
            yield url
        finally:
            server.kill()


@pytest.fixture(scope="session")
def json_server_url() -> Iterator[str]:
    """The built server with a policy that spells JSON and calls of tools."""
    if not ENTRY.exists():
        pytest.skip("the server is not built: `npm run build`")
    command = ["node", "--import", "tsx", "test/client/serve-json.ts"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as program:
        try:
            assert program.stdout is not None
            yield json.loads(program.stdout.readline())["url"]
        finally:
            # The end of its input is its sign to end the server and to clean up.
            program.communicate()


@pytest.fixture(scope="session")
def client_programs() -> Path:
    """What requirements.txt beside this file installs, in an environment of its own."""
    if not CLIENTS.exists():
        pytest.skip(f"there is no {CLIENTS}; `.ci/run` makes it of requirements.txt")
    return CLIENTS
