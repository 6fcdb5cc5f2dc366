"""The twin export: both models as adapters on one base, whose weights a step reads once.

The folder is of the same contract as that of two whole models; the server cannot tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from onnx import ModelProto

from qsft.adapters import BASE_FOLDER
from qsft.export.builder import DecoderShape, build_decoder
from qsft.export.combine_graph import combine_behavior_graph, combine_graph
from qsft.export.compatibility import check_compatible
from qsft.export.contract import MODEL_ROLES, STEP_FILE, ModelRole, graph_file
from qsft.export.decoder_graph import adapt_decoder
from qsft.export.options import ExportOptions
from qsft.export.precision_cost import calibration_prompts
from qsft.export.stored_weights import built_as, store_weights
from qsft.export.twin_adapters import read_adapters
from qsft.export.twin_deltas import add_deltas
from qsft.export.twin_flow import trace
from qsft.export.twin_graph import compose_twin_step, single_model

# The base's weights and, behind them, both adapters': what all three graphs read.
TWIN_WEIGHTS_FILE = "twin.onnx.data"


@dataclass(frozen=True)
class TwinGraphs:
    """The graphs by their files' names, and what each model has of its own in the step."""

    graphs: Mapping[str, ModelProto]
    shapes: Mapping[ModelRole, DecoderShape]


def build_twin(checkpoint: Path, folder: Path, options: ExportOptions) -> TwinGraphs:
    """Build the graphs of a checkpoint of adapters; their weights go to `folder`."""
    adapters = read_adapters(checkpoint)
    with TemporaryDirectory(dir=folder.parent) as built_in:
        precision = built_as(options.precision)
        base = build_decoder(checkpoint, BASE_FOLDER, precision, Path(built_in), options.layout)
        twin = add_deltas(base, adapters, options.precision)
        decoder = adapt_decoder(twin, TWIN_WEIGHTS_FILE)
        weights = folder / TWIN_WEIGHTS_FILE
        read_prompts = partial(calibration_prompts, checkpoint, options, base.shape)
        store_weights(decoder, base.weights, weights, options.precision, read_prompts)
    shape = base.shape
    check_compatible(dict.fromkeys(MODEL_ROLES, shape), options)
    vocab_size, reserved = shape.vocab_size, options.reserved_token_ids
    flow = trace(decoder.graph)
    step = compose_twin_step(
        decoder,
        flow,
        combine_graph(vocab_size, reserved, options.support_threshold),
        combine_behavior_graph(vocab_size, reserved),
    )
    alone = {graph_file(role): single_model(decoder, role) for role in MODEL_ROLES}
    shapes: dict[ModelRole, DecoderShape] = {
        "behavior": shape,
        "value": replace(shape, layers=shape.layers - flow.first_layer),
    }
    return TwinGraphs({STEP_FILE: step, **alone}, shapes)
