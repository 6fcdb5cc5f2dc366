"""The fixtures that TypeScript's tests read are what their commands write."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from small_models import FIXTURES

from qsft.export.graph_runner import Chunk, GraphRunner, policy_inputs
from qsft.export.parity import parity
from qsft.export.tiny import (
    make_int8_cache_tiny_policy,
    make_paged_tiny_policy,
    make_tiny_policy,
    tiny_options,
)
from qsft.policy.extraction import PolicyParameters, step_weights

INT8_CACHE_POLICY = FIXTURES / "tiny-int8-cache"
# Tables of sines differ in their last bits from machine to machine; nothing else may.
NEARLY = {"behavior.onnx.data", "value.onnx.data"}


def test_the_tiny_policy_is_what_its_command_writes(tiny_policy: Path, tmp_path: Path) -> None:
    made = make_tiny_policy(tmp_path / "tiny", tiny_options()).folder
    assert {f.name for f in made.iterdir()} == {f.name for f in tiny_policy.iterdir()}
    for file in made.iterdir():
        stored = (tiny_policy / file.name).read_bytes()
        if file.name in NEARLY:
            weights = [np.frombuffer(data, np.float32) for data in (file.read_bytes(), stored)]
            np.testing.assert_allclose(*weights, atol=1e-6)
        elif file.name != "policy.json":
            assert file.read_bytes() == stored, file.name
    manifests = [json.loads((f / "policy.json").read_text()) for f in (made, tiny_policy)]
    assert manifests[0] | {"files": None} == manifests[1] | {"files": None}


def test_the_tiny_policy_with_an_int8_cache_is_what_its_command_writes(tmp_path: Path) -> None:
    made = make_int8_cache_tiny_policy(tmp_path / "tiny").folder
    graphs = [onnx.load(folder / "step.onnx") for folder in (made, INT8_CACHE_POLICY)]
    scales = []
    for graph in (model.graph for model in graphs):
        tensors = [tensor for tensor in graph.initializer if tensor.name.endswith(".scale")]
        scales.append({tensor.name: numpy_helper.to_array(tensor) for tensor in tensors})
        del graph.initializer[:]  # weights are the tiny policy's, compared above
    assert graphs[0] == graphs[1]
    assert scales[0].keys() == scales[1].keys()
    for name, scale in scales[0].items():
        np.testing.assert_allclose(scale, scales[1][name], rtol=1e-4)


def test_the_paged_tiny_policy_is_what_its_command_writes(tmp_path: Path) -> None:
    made = make_paged_tiny_policy(tmp_path / "paged").folder
    stored = FIXTURES / "paged-policy"
    assert {f.name for f in made.iterdir()} == {f.name for f in stored.iterdir()}
    for name in ("step.onnx", "behavior.onnx", "value.onnx"):
        assert (made / name).read_bytes() == (stored / name).read_bytes(), name
    for name in NEARLY:
        weights = [np.frombuffer((f / name).read_bytes(), np.float16) for f in (made, stored)]
        np.testing.assert_allclose(*weights, atol=1e-3)
    manifests = [json.loads((f / "policy.json").read_text()) for f in (made, stored)]
    assert manifests[0]["kv_cache"] == manifests[1]["kv_cache"]


@pytest.mark.parametrize("name", ["tiny-policy", "tiny-int8-cache", "paged-policy"])
def test_the_manifest_hashes_every_other_file(name: str) -> None:
    folder = FIXTURES / name
    manifest = json.loads((folder / "policy.json").read_text())
    assert manifest["files"] == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.name != "policy.json"
    }


def test_the_parity_vectors_are_current() -> None:
    stored = json.loads((FIXTURES / "parity.json").read_text())
    assert_near(json.loads(json.dumps(parity())), stored)


def assert_near(actual: object, expected: object) -> None:
    """Equal, but for the last digit of rounded numbers."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict)
        assert actual.keys() == expected.keys()
        for key, value in expected.items():
            assert_near(actual[key], value)
    elif isinstance(expected, list):
        assert isinstance(actual, list)
        for ours, theirs in zip(actual, expected, strict=True):
            assert_near(ours, theirs)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, abs=2e-6)
    else:
        assert actual == expected


def test_the_step_graph_gives_the_stored_distributions(tiny_policy: Path) -> None:
    runner = GraphRunner(tiny_policy / "step.onnx", slots=1, cache_length=48)
    for stored in json.loads((FIXTURES / "parity.json").read_text())["distributions"]:
        policies = stored["policies"]
        weights = [
            step_weights(PolicyParameters(row["extraction"], row["beta"], row["q"]))
            for row in policies
        ]
        # One position scored once for each policy.
        last = [len(stored["prompt_ids"]) - 1] * len(policies)
        outputs = runner.run(
            [Chunk(0, stored["prompt_ids"])],
            last,
            policy_inputs(weights),
        )
        log_policy = outputs["scores"] - outputs["log_normalizer"][:, None]
        for row, expected in enumerate(policies):
            finite = [i for i, value in enumerate(expected["logprobs"]) if value is not None]
            np.testing.assert_allclose(
                log_policy[row, finite], [expected["logprobs"][i] for i in finite], atol=1e-4
            )
            assert outputs["kl"][row] == pytest.approx(expected["kl"], abs=1e-4)
            assert outputs["argmax"][row] == expected["argmax"]
