"""The built server with the bundled policy, for clients of its API (`npm run build` makes it)."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ENTRY = ROOT / "dist" / "main.js"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    if not ENTRY.exists():
        pytest.skip("the server is not built")
    command = ["node", str(ENTRY), "--port", "0", "--threads", "1", "--max-sequences", "4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            # The first line says where it listens; its end, that it could not start.
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.kill()
