"""Schemathesis against the running server: nothing that its OpenAPI document allows
or forbids brings a 5xx, or an answer of another shape than the document's."""

import os
import subprocess
import sys
from pathlib import Path

OPTIONS = [
    *("--phases", "coverage,fuzzing", "--max-examples", "15", "--seed", "1"),
    # Fields allowed one by one may be refused for what they are together, or for the policy.
    *("--exclude-checks", "positive_data_acceptance"),
    *("--request-timeout", "120", "--continue-on-failure", "--no-color", "--warnings", "off"),
]


def test_every_answer_is_as_documented(server_url: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    run = subprocess.run(
        [str(program), "run", f"{server_url}/openapi.json", *OPTIONS],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("servable.py"))},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert run.returncode == 0, run.stdout + run.stderr
