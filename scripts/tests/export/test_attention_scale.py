"""Attention's scale is in the rotary tables where the CPU attends in float32, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from small_models import MakeCheckpoint, llama

from qsft.export.contract import Precision
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options


@pytest.mark.parametrize(("precision", "scale"), [("fp32", 1), ("int8", 1), ("fp16", 0.25)])
def test_only_float32_multiplies_no_score(
    precision: Precision, scale: float, make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    options = replace(tiny_options(), precision=precision)
    folder = export_policy(make_checkpoint(llama(head_dim=16)), tmp_path / "out", options).folder
    graph = onnx.load(folder / "behavior.onnx", load_external_data=False).graph
    attention = [node for node in graph.node if node.op_type == "GroupQueryAttention"]
    scales = [a.f for node in attention for a in node.attribute if a.name == "scale"]
    assert scales == [scale] * len(attention)
    products = [node for node in graph.node if "/scaled." in node.name and node.op_type == "Mul"]
    assert len(products) == 2 * (scale == 1)
