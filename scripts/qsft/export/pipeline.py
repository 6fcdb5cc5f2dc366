"""The export: build, adapt, compose, verify, write. Nothing is left behind unless it verifies."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from onnx import ModelProto

from qsft.adapters import BASE_FOLDER, has_adapters, merged_checkpoint
from qsft.export.builder import DecoderShape, build_decoder
from qsft.export.combine_graph import add_run_masses, combine_behavior_graph, combine_graph
from qsft.export.compatibility import check_compatible
from qsft.export.contract import (
    COMBINATION_FILE,
    CUDA_PRECISIONS,
    MODEL_ROLES,
    STEP_FILE,
    ModelRole,
    graph_file,
    weights_file,
)
from qsft.export.decoder_graph import adapt_decoder
from qsft.export.int8_cache import quantize_caches
from qsft.export.manifest import write_manifest
from qsft.export.options import ExportError, ExportOptions, ExportReport
from qsft.export.precision_cost import calibration_prompts, measure_cost
from qsft.export.step_graph import compose_combination, compose_step
from qsft.export.stored_weights import built_as, store_weights
from qsft.export.twin import build_twin
from qsft.export.verify import verify_policy
from qsft.tokenizer_files import TOKENIZER_FILES, copy_tokenizer


def export_policy(checkpoint: Path, out: Path, options: ExportOptions) -> ExportReport:
    """Write the policy of a checkpoint to the folder `out`, or raise and leave `out` as it was.

    The checkpoint holds `behavior/` and `value/` (Hugging Face models, or adapters on `base/`,
    which are merged unless `options.twin`), `tokenizer.json`, `tokenizer_config.json` and, for
    chat models, `chat_template.jinja`.
    """
    _check_checkpoint(checkpoint)
    if out.exists() and not options.replace:
        raise ExportError(f"{out} exists already")
    if options.twin and not has_adapters(checkpoint):
        raise ExportError(f"{checkpoint} has no base/: only adapters on one base can be twins")
    if options.block_size is not None and options.precision not in CUDA_PRECISIONS:
        raise ExportError(
            f"{options.precision} has no paged cache: ONNX Runtime's PagedAttention takes fp16"
            " or bf16"
        )
    if options.int8_cache and options.precision in CUDA_PRECISIONS:
        raise ExportError(
            f"{options.precision} is for CUDA, and an int8 cache for the CPU: choose another"
            " precision, or leave out --kv-cache int8"
        )
    with merged_checkpoint(checkpoint) as merged:
        return _export_models(checkpoint, merged, out, options)


def _export_models(
    checkpoint: Path, merged: Path, out: Path, options: ExportOptions
) -> ExportReport:
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside `out`, so that the last step is a rename within one file system.
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        folder = Path(temporary) / out.name
        folder.mkdir()
        if options.twin:
            shapes = _write_twin_graphs(checkpoint, folder, options)
        else:
            shapes = _write_graphs(merged, folder, options)
        copy_tokenizer(checkpoint, folder)
        if options.int8_cache:
            quantize_caches(folder, calibration_prompts(merged, options, shapes["behavior"]))
        verification = verify_policy(merged, folder, options, shapes["behavior"])
        cost = None
        if not options.is_exact:
            cost = measure_cost(merged, folder, options, shapes["behavior"])
        write_manifest(folder, options, shapes, verification, cost)
        if out.exists():
            out.rename(Path(temporary) / "replaced")
        folder.rename(out)
    size = sum(file.stat().st_size for file in out.iterdir())
    return ExportReport(folder=out, bytes=size, verification=verification, cost=cost)


def _check_checkpoint(checkpoint: Path) -> None:
    if has_adapters(checkpoint):
        models = [BASE_FOLDER + "/config.json"]
        models += [f"{role}/adapter_config.json" for role in MODEL_ROLES]
    else:
        models = [f"{role}/config.json" for role in MODEL_ROLES]
    for name in (*models, *TOKENIZER_FILES):
        if not (checkpoint / name).is_file():
            raise ExportError(f"{checkpoint} is no checkpoint: {name} is missing")


def _write_graphs(
    checkpoint: Path, folder: Path, options: ExportOptions
) -> dict[ModelRole, DecoderShape]:
    models: dict[ModelRole, ModelProto] = {}
    shapes: dict[ModelRole, DecoderShape] = {}
    for role in MODEL_ROLES:
        weights = folder / weights_file(role)
        with TemporaryDirectory(dir=folder.parent) as built_in:
            precision = built_as(options.precision)
            built = build_decoder(checkpoint, role, precision, Path(built_in), options.layout)
            models[role] = adapt_decoder(built, weights.name)
            read_prompts = partial(calibration_prompts, checkpoint, options, built.shape)
            store_weights(models[role], built.weights, weights, options.precision, read_prompts)
        shapes[role] = built.shape
        _save(models[role], folder / graph_file(role))
    check_compatible(shapes, options)
    vocab_size, reserved = shapes["behavior"].vocab_size, options.reserved_token_ids
    behavior, value = models["behavior"], models["value"]
    combination = combine_graph(vocab_size, reserved, options.support_threshold)
    behavior_alone = combine_behavior_graph(vocab_size, reserved)
    step = compose_step(behavior, value, combination, behavior_alone)
    _save(step, folder / STEP_FILE)
    if options.block_size is None:
        for graph in (combination, behavior_alone):
            add_run_masses(graph)
        alone = compose_combination(combination, behavior_alone, like=behavior)
        _save(alone, folder / COMBINATION_FILE)
    return shapes


def _write_twin_graphs(
    checkpoint: Path, folder: Path, options: ExportOptions
) -> dict[ModelRole, DecoderShape]:
    twin = build_twin(checkpoint, folder, options)
    for name, graph in twin.graphs.items():
        _save(graph, folder / name)
    return dict(twin.shapes)


def _save(model: ModelProto, path: Path) -> None:
    path.write_bytes(model.SerializeToString(deterministic=True))
