"""From a Hugging Face checkpoint to a decoder in ONNX, by onnxruntime-genai's model builder.

The builder knows the families (Llama, Mistral, Qwen and more) and emits the fused operators that
ONNX Runtime is fast with; everything particular to this project is graph surgery on its output.
"""

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from onnx import ModelProto
from transformers import AutoConfig

from qsft.export.cache_layout import SLOTS, CacheLayout
from qsft.export.contract import CUDA_PRECISIONS, Precision
from qsft.export.options import ExportError
from qsft.tokenizer_files import TOKENIZER_FILES

CONFIG_FILE = "config.json"

BUILDER_OPTIONS = (
    "hf_token=false",
    "windowed_kv_cache=false",
    # Within attention only CUDA norms queries and keys, and the CPU could not verify it.
    "fuse_qk_norm_gqa=false",
    # Of the builder's own int4, which the export does not use and benchmarks compare with.
    "block_size=32",
    "accuracy_level=4",
)


@dataclass(frozen=True)
class DecoderShape:
    """What the cache of one model looks like, and how far its rotary tables reach."""

    layers: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    max_length: int


@dataclass(frozen=True)
class BuiltDecoder:
    """The builder's model without its weights, which stay in the file `weights`."""

    model: ModelProto
    weights: Path
    shape: DecoderShape
    layout: CacheLayout


def build_decoder(
    checkpoint: Path, name: str, precision: Precision, out: Path, layout: CacheLayout = SLOTS
) -> BuiltDecoder:
    """Build `checkpoint/name` into the folder `out`."""
    with _silence():
        # Imported here: it takes a second, and puts top-level names like `builders` on the path.
        from onnxruntime_genai.models.builder import create_model, parse_extra_options

    with TemporaryDirectory() as staging:
        source = _stage(checkpoint, name, Path(staging))
        # For the CPU the builder knows no attention in 16 bits.
        device = "cuda" if precision in CUDA_PRECISIONS else "cpu"
        where = ("", str(source), str(out), precision, device, str(Path(staging) / "cache"))
        options = [*BUILDER_OPTIONS, *layout.builder_options]
        try:
            with _silence():
                create_model(*where, **parse_extra_options(*where, options))
        except Exception as error:
            raise ExportError(f"{name}: the model builder failed on it: {error}") from error
    return BuiltDecoder(
        model=onnx.load(out / "model.onnx", load_external_data=False),
        weights=out / "model.onnx.data",
        shape=_read_shape(out / "genai_config.json"),
        layout=layout,
    )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without the builder's prints, bars and log lines, nor the log handler that it installs."""
    handlers, disabled = logging.root.handlers[:], logging.root.manager.disable
    chatter = io.StringIO()
    logging.disable()
    try:
        with contextlib.redirect_stdout(chatter), contextlib.redirect_stderr(chatter):
            yield
    finally:
        logging.disable(disabled)
        logging.root.handlers[:] = handlers


def _stage(checkpoint: Path, name: str, staging: Path) -> Path:
    """One folder with a model and the tokenizer, as the builder wants it."""
    folder = staging / name
    folder.mkdir()
    for file in (checkpoint / name).iterdir():
        if file.name != CONFIG_FILE:
            (folder / file.name).symlink_to(file.resolve())
    for file_name in TOKENIZER_FILES:
        if not (folder / file_name).exists():
            (folder / file_name).symlink_to((checkpoint / file_name).resolve())
    (folder / CONFIG_FILE).write_text(json.dumps(_config_for_builder(checkpoint / name)))
    return folder


def _config_for_builder(folder: Path) -> dict[str, Any]:
    """The builder gives a window only to layers typed so; Mistral means all by typing none."""
    raw: dict[str, Any] = json.loads((folder / CONFIG_FILE).read_text())
    config = AutoConfig.from_pretrained(folder)
    if getattr(config, "sliding_window", None) and not hasattr(config, "layer_types"):
        raw["layer_types"] = ["sliding_attention"] * config.num_hidden_layers
    return raw


def _read_shape(config: Path) -> DecoderShape:
    model = json.loads(config.read_text())["model"]
    decoder = model["decoder"]
    return DecoderShape(
        layers=decoder["num_hidden_layers"],
        kv_heads=decoder["num_key_value_heads"],
        head_dim=decoder["head_size"],
        vocab_size=model["vocab_size"],
        max_length=model["context_length"],
    )
