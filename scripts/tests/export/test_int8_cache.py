"""An int8 cache: near PyTorch, plain and twin, at every precision; its scales from calibration."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from small_models import MakeCheckpoint, llama
from twin_checkpoints import make_twin_checkpoint

from qsft.export.contract import Precision
from qsft.export.options import ExportError
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options
from qsft.trajectories import Trajectory, Turn, write_trajectories

INT8_CACHE = replace(tiny_options(), int8_cache=True)


def scales_of(folder: Path) -> dict[str, np.ndarray]:
    graph = onnx.load(folder / "step.onnx", load_external_data=False).graph
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name.endswith(".scale")
    }


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize(
    ("precision", "largest_kl"), [("fp32", 1e-3), ("int8", 5e-3), ("int4", 0.1)]
)
def test_its_cost_is_small_and_recorded(
    precision: Precision,
    largest_kl: float,
    twin: bool,
    make_checkpoint: MakeCheckpoint,
    tmp_path: Path,
) -> None:
    checkpoint = (
        make_twin_checkpoint(tmp_path / "twin", llama()) if twin else make_checkpoint(llama())
    )
    options = replace(INT8_CACHE, precision=precision, twin=twin)
    report = export_policy(checkpoint, tmp_path / "out", options)
    for kl in report.verification.kl.values():
        assert 0 < kl.mean < largest_kl
    manifest = json.loads((tmp_path / "out" / "policy.json").read_text())
    assert (manifest["precision"], manifest["kv_cache"]["dtype"]) == (precision, "int8")
    assert manifest["precision_cost"]["kl"]["mean"] < largest_kl


def test_it_has_a_scale_for_each_channel_of_each_models_cache(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    report = export_policy(make_checkpoint(llama()), tmp_path / "out", INT8_CACHE)
    scales = scales_of(report.folder)
    assert {scale.shape for scale in scales.values()} == {(1, 2, 1, 16)}
    assert len(scales) == 2 * 2 * 2  # models, layers, keys and values
    # Channels i and i + 8 of a key turn into each other: they have one bound at every position.
    keys = scales["behavior.present.0.key.scale"]
    np.testing.assert_array_equal(keys[..., :8], keys[..., 8:])
    assert not np.array_equal(keys, scales["value.present.0.key.scale"])


def test_its_scales_come_from_held_out_text(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(llama())
    turns = (Turn("Wordle:\n", False, 0.0), Turn("s h i r e\n", True, -1.0))
    write_trajectories(tmp_path / "held-out.jsonl", [Trajectory(turns, done=True)] * 3)
    random = export_policy(checkpoint, tmp_path / "random", INT8_CACHE)
    options = replace(INT8_CACHE, held_out=tmp_path / "held-out.jsonl")
    held_out = export_policy(checkpoint, tmp_path / "held-out", options)
    assert held_out.cost is not None
    assert held_out.cost.data == "held-out.jsonl"
    name = "value.present.1.value.scale"
    smaller = scales_of(held_out.folder)[name] <= scales_of(random.folder)[name]
    assert smaller.mean() > 0.9  # fewer tokens reach less far


def test_it_is_not_for_cuda(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    options = replace(INT8_CACHE, precision="fp16")
    with pytest.raises(ExportError, match="fp16 is for CUDA, and an int8 cache for the CPU"):
        export_policy(make_checkpoint(llama()), tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
