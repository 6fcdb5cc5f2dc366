"""What Transformers loses of a tokenizer when it reads a GGUF file, put back."""

import json
from pathlib import Path

from gguf import GGUFReader

from qsft.config import ConfigError

# GPT-2's rule, which Transformers gives every byte-level tokenizer whose own rule it does not know.
_GPT2_NAMES = ("default", "gpt-2")
# SmolLM's, which it does not know: as GPT-2's, each digit by itself.
_SMOLLM = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}


def repair_gguf_tokenizer(gguf: Path, tokenizer: Path) -> None:
    """Give the tokenizer.json made from a GGUF file the pre-tokenizer that the file names."""
    record = json.loads(tokenizer.read_text(encoding="utf-8"))
    if (record["pre_tokenizer"] or {}).get("type") != "ByteLevel":
        return  # sentencepiece, which needs no rule, or a rule that Transformers knows
    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    name = "default" if field is None else str(field.contents())
    if name in _GPT2_NAMES:
        return
    if name != "smollm":
        raise ConfigError(
            f"model.base: {gguf.name} splits text by the rule {name!r}, which is not known here;"
            " give the folder of its tokenizer as data.tokenizer"
        )
    record["pre_tokenizer"] = _SMOLLM
    tokenizer.write_text(json.dumps(record, ensure_ascii=False, indent=2), encoding="utf-8")
