"""Exports with a paged cache: for CUDA's PagedAttention, verified on the CPU in plain operators."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import GraphProto, NodeProto, load
from small_models import MakeCheckpoint, llama
from test_families import FAMILIES

from qsft.export.contract import Precision
from qsft.export.graph_runner import Array, Chunk, GraphRunner, policy_inputs
from qsft.export.options import ExportError
from qsft.export.paged_runner import PagedRunner
from qsft.export.paged_stand_in import without_paged_attention
from qsft.export.pipeline import export_policy
from qsft.export.tiny import tiny_options
from qsft.policy.extraction import PolicyParameters, step_weights

PAGED = replace(tiny_options(), precision="fp16", block_size=16)


def attentions(graph: GraphProto) -> list[NodeProto]:
    """In a step graph: the behavior model's, and in its If the value model's."""
    [choice] = [node for node in graph.node if node.op_type == "If"]
    graphs = [graph, *(a.g for a in choice.attribute if a.name == "then_branch")]
    return [node for g in graphs for node in g.node if node.op_type == "PagedAttention"]


@pytest.mark.parametrize(("precision", "largest"), [("fp16", 0.02), ("bf16", 0.1)])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_exports(
    family: str,
    precision: Precision,
    largest: float,
    make_checkpoint: MakeCheckpoint,
    tmp_path: Path,
) -> None:
    options = replace(PAGED, precision=precision)
    report = export_policy(make_checkpoint(FAMILIES[family]), tmp_path / "out", options)
    assert report.verification.logits_difference < largest
    assert report.verification.schedule_difference < largest


def test_a_paged_policy_says_what_one_with_slots_says(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(llama())
    slots = export_policy(checkpoint, tmp_path / "slots", replace(PAGED, block_size=None)).folder
    paged = export_policy(checkpoint, tmp_path / "paged", PAGED).folder
    prompts = [[5, 6, 7] * 12, [8, 9] * 5]

    def answers(runner: GraphRunner) -> dict[str, Array]:
        chunks = [Chunk(0, prompt) for prompt in prompts]
        positions = runner.flat_positions(chunks)
        weights = [step_weights(PolicyParameters("kl", 4.0))] * len(positions)
        return runner.run(chunks, positions, policy_inputs(weights))

    padded = answers(GraphRunner(slots / "step.onnx", 2, 64))
    packed = answers(PagedRunner(paged / "step.onnx", 2, 64, 16))
    np.testing.assert_allclose(packed["scores"], padded["scores"], atol=0.05)


def test_the_graph_has_the_contracts_inputs_and_the_manifest_the_block_size(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    folder = export_policy(make_checkpoint(llama()), tmp_path / "out", PAGED).folder
    assert json.loads((folder / "policy.json").read_text())["kv_cache"]["block_size"] == 16
    graph = load(folder / "step.onnx", load_external_data=False).graph
    shapes = {
        value.name: [d.dim_value or d.dim_param for d in value.type.tensor_type.shape.dim]
        for value in graph.input
    }
    assert shapes["input_ids"] == ["tokens"]
    assert shapes["block_table"] == ["batch", "row_blocks"]
    assert shapes["value.past.1.key"] == ["blocks", "block_size", 2, 16]
    nodes = attentions(graph)
    assert len(nodes) == 4
    for node in nodes:
        assert node.domain == "com.microsoft"
        assert list(node.input[5:8]) == [
            "cumulative_sequence_length",
            "past_seqlens",
            "block_table",
        ]
        assert node.input[16] == "attention_metadata"


def test_only_16_bits_have_a_paged_cache(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="int8 has no paged cache"):
        options = replace(PAGED, precision="int8")
        export_policy(make_checkpoint(llama()), tmp_path / "out", options)


def test_what_the_stand_in_does_not_know_is_refused(
    make_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    folder = export_policy(make_checkpoint(llama()), tmp_path / "out", PAGED).folder
    model = load(folder / "step.onnx", load_external_data=False)
    attentions(model.graph)[0].input[11] = "sinks"
    with pytest.raises(ExportError, match="sinks cannot be verified with a paged cache"):
        without_paged_attention(model)
