"""Exports in 16 bits: for a GPU, verified on the CPU by rounding what float32 operators give."""

import json
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx.parser
import pytest
from onnx import TensorProto, load
from onnxruntime import InferenceSession
from small_models import MakeCheckpoint, llama
from test_families import FAMILIES

from qsft.export.contract import Precision
from qsft.export.half_stand_in import without_half_precision
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options

CACHES: dict[Precision, tuple[str, int]] = {
    "fp16": ("float16", TensorProto.FLOAT16),
    "bf16": ("bfloat16", TensorProto.BFLOAT16),
}
LARGEST_KL: dict[Precision, float] = {"fp16": 1e-5, "bf16": 1e-3}
# 16448 is how bfloat16 writes 3.
STEPS = """
<ir_version: 10, opset_import: ["": 21]>
steps (float[N] given, bool chosen) => (float[N] y) <bfloat16[1] w = {16448}> {
    x = Cast <to = 16> (given)
    sum = Add (x, w)
    product = If (chosen) <
        then_branch = product () => (bfloat16[N] a) { a = Mul (sum, w) },
        else_branch = nothing () => (bfloat16[N] a) { a = Identity (x) }
    >
    again = Add (product, w)
    y = Cast <to = 1> (again)
}
"""


@pytest.mark.parametrize("precision", CACHES)
def test_the_cache_has_16_bits_and_the_scores_32(
    precision: Precision, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = replace(tiny_options(), precision=precision)
    report = export_policy(make_checkpoint(llama()), out, options)
    name, element = CACHES[precision]
    manifest = json.loads((out / "policy.json").read_text())
    assert (manifest["precision"], manifest["kv_cache"]["dtype"]) == (precision, name)
    assert manifest["precision_cost"]["kl"]["mean"] < LARGEST_KL[precision]
    graph = load(out / "step.onnx", load_external_data=False).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)}
    assert types["behavior.past.0.key"] == types["value.present.1.value"] == element
    assert types["scores"] == types["beta"] == TensorProto.FLOAT
    assert 0 < report.verification.kl["policy"].mean < LARGEST_KL[precision]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_exports_in_bfloat16(
    family: str, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), precision="bf16")
    report = export_policy(make_checkpoint(FAMILIES[family]), tmp_path / "out", options)
    assert report.verification.logits_difference < 0.1
    assert report.verification.schedule_difference < 0.1


def test_the_stand_in_rounds_behind_every_operator_also_in_a_branch() -> None:
    model = without_half_precision(onnx.parser.parse_model(STEPS))
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = np.float32([0.01, 1.001, 200.7])
    [y] = session.run(None, {"given": given, "chosen": np.array(True)})
    three = ml_dtypes.bfloat16(3)
    expected = (given.astype(ml_dtypes.bfloat16) + three) * three + three
    np.testing.assert_array_equal(y, expected.astype(np.float32))
    at_last = ((given + 3) * 3 + 3).astype(ml_dtypes.bfloat16)
    assert not np.array_equal(y, at_last.astype(np.float32))
