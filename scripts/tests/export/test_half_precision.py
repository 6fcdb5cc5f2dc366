"""Exports in float16: verified on the CPU, meant for a GPU."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from onnx import TensorProto, load
from small_models import MakeCheckpoint, llama

from qsft.export.options import ExportError
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options


def test_a_float16_policy_has_its_cache_in_float16_and_its_scores_in_float32(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    report = export_policy(make_checkpoint(llama()), out, replace(tiny_options(), precision="fp16"))
    manifest = json.loads((out / "policy.json").read_text())
    assert (manifest["precision"], manifest["kv_cache"]["dtype"]) == ("fp16", "float16")
    graph = load(out / "step.onnx", load_external_data=False).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)}
    assert types["behavior.past.0.key"] == types["value.present.1.value"] == TensorProto.FLOAT16
    assert types["scores"] == types["beta"] == TensorProto.FLOAT
    assert 0 < report.verification.kl["policy"].mean < 1e-3


def test_adapters_have_no_float16_twin(tmp_path: Path) -> None:
    for name in ("base/config.json", "behavior/adapter_config.json", "value/adapter_config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text("{}")
    options = replace(tiny_options(), precision="fp16", twin=True)
    with pytest.raises(
        ExportError, match="fp16 has no form for twins: choose fp32 or int8 or int4"
    ):
        export_policy(tmp_path, tmp_path / "out", options)
