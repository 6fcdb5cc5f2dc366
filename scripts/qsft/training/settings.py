"""The settings of a stage, kept beside its model: what was trained otherwise is not reused."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qsft.config import ConfigError, RunConfig

_NAME = "settings.json"
_ALWAYS = ("task", "data", "model", "lora", "seed", "pretrain")
# What each stage's weights depend on beside that.
_MORE = {"pretrain": (), "behavior": ("behavior",), "value": ("behavior", "value", "reward")}


def check_settings(config: RunConfig, stage: str, folder: Path) -> None:
    """Raise ConfigError at the first field in which a stage begun in `folder` was another."""
    path = folder / _NAME
    if not path.exists():
        return
    stored = _flat(json.loads(path.read_text(encoding="utf-8")))
    asked = _flat(_settings_of(config, stage))
    for key in asked | stored:
        before, now = stored.get(key), asked.get(key)
        if before != now:
            raise ConfigError(
                f"{key}: {folder} was trained with {before!r}, the run file says {now!r};"
                " --restart trains everything anew"
            )


def store_settings(config: RunConfig, stage: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_settings_of(config, stage), indent=2, ensure_ascii=False)
    (folder / _NAME).write_text(text + "\n", encoding="utf-8")


def _settings_of(config: RunConfig, stage: str) -> dict[str, Any]:
    record = json.loads(json.dumps(asdict(config)))  # tuples become the lists that JSON has
    return {name: record[name] for name in (*_ALWAYS, *_MORE[stage])}


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
