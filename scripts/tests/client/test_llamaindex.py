"""The README's example of LlamaIndex, against the running server."""

import re
import subprocess
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "test" / "examples" / "llamaindex.py"


def test_the_readmes_example_prints_a_guess(
    server_url: str, client_programs: Path, tmp_path: Path
) -> None:
    program = EXAMPLE.read_text().replace("http://127.0.0.1:8000", server_url)
    run = subprocess.run(
        [str(client_programs / "python"), "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"([a-z] ){4}[a-z]", run.stdout.strip())
