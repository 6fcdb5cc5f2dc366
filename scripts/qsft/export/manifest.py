"""`policy.json`: what the server reads before anything else, with a hash of every other file."""

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qsft.encoding import ADDS_SPECIAL_TOKENS
from qsft.export.builder import DecoderShape
from qsft.export.contract import FORMAT_VERSION, MANIFEST_FILE, ModelRole
from qsft.export.options import ExportError, ExportOptions, PrecisionCost, Verification


def write_manifest(
    folder: Path,
    options: ExportOptions,
    shapes: dict[ModelRole, DecoderShape],
    verification: Verification,
    cost: PrecisionCost | None,
) -> None:
    """Write the manifest of a folder whose other files are complete."""
    manifest = _manifest(folder, options, shapes, verification)
    if cost is not None:
        manifest["precision_cost"] = _cost_record(cost, options)
    _write(folder, manifest)


def add_return_cost(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Put the task's returns beside the KL that a quantized policy's manifest carries."""
    manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    if "precision_cost" not in manifest:
        raise ExportError(f"{folder} is {manifest['precision']}: it has no precision's cost")
    manifest["precision_cost"]["returns"] = entries
    _write(folder, manifest)


def hash_again(folder: Path) -> None:
    """Make the manifest agree with files that have changed."""
    manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    _write(folder, manifest | {"files": _hashes(folder, manifest["files"])})


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def _manifest(
    folder: Path,
    options: ExportOptions,
    shapes: dict[ModelRole, DecoderShape],
    verification: Verification,
) -> dict[str, Any]:
    common = shapes["behavior"]  # both models have the same tokens and positions
    return {
        "format_version": FORMAT_VERSION,
        "id": options.id,
        "created": int(time.time()) if options.created is None else options.created,
        "precision": options.precision,
        "vocab_size": common.vocab_size,
        "max_length": common.max_length,
        "eos_token_ids": list(options.eos_token_ids),
        "reserved_token_ids": list(options.reserved_token_ids),
        "prompt_prefix": options.prompt_prefix,
        "adds_special_tokens": ADDS_SPECIAL_TOKENS,
        **_chat(options),
        **_fill_in_the_middle(options),
        "kv_cache": {"dtype": options.cache_type}
        | ({} if options.block_size is None else {"block_size": options.block_size})
        | {
            role: {"layers": s.layers, "kv_heads": s.kv_heads, "head_dim": s.head_dim}
            for role, s in shapes.items()
        },
        "defaults": {
            "beta": options.defaults.beta,
            "extraction": options.defaults.extraction,
            "q": options.defaults.q,
        },
        "support_threshold": options.support_threshold,
        "training": dict(options.training) | {"export": _export_record(verification)},
        "files": _hashes(folder, sorted(file.name for file in folder.iterdir())),
    }


def _chat(options: ExportOptions) -> dict[str, Any]:
    if not options.chat_stop_strings:
        return {}
    return {"chat": {"stop_strings": list(options.chat_stop_strings)}}


def _fill_in_the_middle(options: ExportOptions) -> dict[str, Any]:
    template = options.fill_in_the_middle
    return {} if template is None else {"fill_in_the_middle": template}


def _export_record(verification: Verification) -> dict[str, Any]:
    """How faithful the folder is: KL(PyTorch ‖ this folder) on random prompts, in nats."""
    return {
        "verified_positions": verification.positions,
        # Six digits: what float32 leaves is noise that differs from machine to machine.
        "kl_from_pytorch": {
            name: {"mean": round(kl.mean, 6), "max": round(kl.max, 6)}
            for name, kl in verification.kl.items()
        },
    }


def _cost_record(cost: PrecisionCost, options: ExportOptions) -> dict[str, Any]:
    """KL(π̂_fp32 ‖ π̂) per token, in nats."""
    return {
        "data": cost.data,
        "tokens": cost.tokens,
        "extraction": options.defaults.extraction,
        "q": options.defaults.q,
        "beta": options.defaults.beta,
        "kl": {"mean": round(cost.kl.mean, 6), "max": round(cost.kl.max, 6)},
    }


def _hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: _sha256(folder / name) for name in names}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
