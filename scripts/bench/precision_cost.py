"""What quantization costs a pretrained model: KL(fp32 ‖ quantized) of its next-token distributions.

python bench/precision_cost.py CHECKPOINT TEXT    # from scripts/; CHECKPOINT/behavior and tokenizer

Variants that the export does not offer are here too, so that its defaults can be judged.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from onnx import ModelProto
from torch import Tensor

from qsft.encoding import load_tokenizer
from qsft.export import builder, integer_matmul
from qsft.export.block_matmul import quantize_layers
from qsft.export.contract import LOGITS, Precision, graph_file, weights_file
from qsft.export.decoder_graph import LM_HEAD, adapt_decoder
from qsft.export.differences import divergence
from qsft.export.graph_runner import GraphRunner
from qsft.export.int8_cache import calibrate, set_cache
from qsft.export.integer_matmul import quantize_products
from qsft.export.schedules import run_schedule, whole
from qsft.export.stored_weights import store_weights
from qsft.export.torch_reference import torch_logits

PROMPT_TOKENS = 128
CALIBRATION: list[list[int]] = []  # the prompts between those that are measured
Write = Callable[[Path, Path], None]  # of a checkpoint's behavior model, into a folder


def built(precision: Precision, **options: object) -> Write:
    """By the builder alone, with other options than the export's."""

    def write(checkpoint: Path, out: Path) -> None:
        usual = builder.BUILDER_OPTIONS
        changed = tuple(f"{name}={value}" for name, value in options.items())
        kept = tuple(o for o in usual if o.partition("=")[0] not in options)
        builder.BUILDER_OPTIONS = kept + changed
        try:
            decoder = builder.build_decoder(checkpoint, "behavior", precision, out)
        finally:
            builder.BUILDER_OPTIONS = usual
        decoder.weights.rename(out / weights_file("behavior"))
        save(adapt_decoder(decoder, weights_file("behavior")), out)

    return write


def rewritten(rewrite: Callable[[ModelProto, Path, Path], None]) -> Write:
    """The builder's fp32 and what `rewrite` makes of its graph and of its file of weights."""

    def write(checkpoint: Path, out: Path) -> None:
        decoder = builder.build_decoder(checkpoint, "behavior", "fp32", out)
        model = adapt_decoder(decoder, weights_file("behavior"))
        rewrite(model, decoder.weights, out / weights_file("behavior"))
        save(model, out)

    return write


def save(model: ModelProto, out: Path) -> None:
    (out / graph_file("behavior")).write_bytes(model.SerializeToString())


def integers(
    keep_head: bool = False,
    levels: int = integer_matmul.LEVELS,
    fine: tuple[str, ...] = (),
) -> Write:
    """Weights and activations in 8 bits, or weights in fewer; no channel is smoothed."""
    kept = (LM_HEAD,) if keep_head else ()
    return rewritten(
        lambda model, source, target: quantize_products(model, source, target, kept, levels, fine)
    )


def exported(precision: Precision) -> Write:
    return rewritten(
        lambda model, source, target: store_weights(
            model, source, target, precision, lambda: CALIBRATION
        )
    )


def with_int8_cache(precision: Precision) -> Write:
    """The export's, its cache calibrated on prompts that are not measured."""

    def write(checkpoint: Path, out: Path) -> None:
        exported(precision)(checkpoint, out)
        path = out / graph_file("behavior")
        model = onnx.load(path, load_external_data=False)
        set_cache(model, calibrate(path, model, CALIBRATION))
        save(model, out)

    return write


VARIANTS: dict[str, Write] = {
    "fp32, cache int8": with_int8_cache("fp32"),
    "int8, cache int8": with_int8_cache("int8"),
    "int4, cache int8": with_int8_cache("int4"),
    "fp16": built("fp16"),
    "bf16": built("bf16"),
    "int8": exported("int8"),
    "int8, not smoothed": integers(),
    "int8, not smoothed, two digits for head": integers(fine=(LM_HEAD,)),
    "int8, not smoothed, two digits for head and down": integers(fine=(LM_HEAD, "down_proj")),
    "int8, not smoothed, two digits for head, down and attention's output": integers(
        fine=(LM_HEAD, "down_proj", "o_proj")
    ),
    "int8, not smoothed, two digits everywhere": integers(fine=("",)),
    "int8, not smoothed, head and embedding fp32": integers(keep_head=True),
    "int8, not smoothed, weights of 7 bits": integers(levels=63),
    "8-bit weights alone (MatMulNBits, blocks of 32)": built("int8"),
    "int4": exported("int4"),
    "int4, head fp32": rewritten(quantize_layers),
    "int4, the builder's": built("int4"),
    "int4, the builder's, blocks of 16": built("int4", block_size=16),
    "int4, the builder's, blocks of 128": built("int4", block_size=128),
    "int4, the builder's, head int8": built("int4", algo_config="rtn_last"),
    "int4, the builder's k_quant_mixed": built("int4", algo_config="k_quant_mixed"),
    "int4, the builder's, activations fp32": built("int4", accuracy_level=1),
}


def logits_of(folder: Path, prompts: list[list[int]]) -> Tensor:
    runner = GraphRunner(folder / graph_file("behavior"), 1, PROMPT_TOKENS)
    schedule = whole([len(prompt) for prompt in prompts])
    return torch.from_numpy(run_schedule(runner, prompts, schedule, {})[LOGITS])


def main() -> None:
    parser = argparse.ArgumentParser(description="KL of quantized models from fp32 on a text.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("text", type=Path, nargs="+")
    parser.add_argument("--prompts", type=int, default=16, help=f"of {PROMPT_TOKENS} tokens")
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    tokenizer = load_tokenizer(arguments.checkpoint)
    text = "\n".join(path.read_text(encoding="utf-8") for path in arguments.text)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    step = len(ids) // (arguments.prompts + 1)
    starts = range(0, len(ids) - PROMPT_TOKENS, step)
    prompts = [ids[start : start + PROMPT_TOKENS] for start in starts][: arguments.prompts]
    between = [start + max(step // 2, PROMPT_TOKENS) for start in starts[: arguments.prompts]]
    CALIBRATION.extend(ids[start : start + PROMPT_TOKENS] for start in between)
    reference = torch_logits(arguments.checkpoint, "behavior", prompts)
    print(f"{reference.shape[0]} positions\n\n| variant | mean KL | largest | same argmax | MB |")
    print("|---|---|---|---|---|")
    for name in arguments.variant:
        with TemporaryDirectory() as folder:
            out = Path(folder)
            VARIANTS[name](arguments.checkpoint, out)
            size = (out / weights_file("behavior")).stat().st_size / 1e6
            logits = logits_of(out, prompts)
        kl = divergence(reference, logits)
        same = (reference.argmax(-1) == logits.argmax(-1)).float().mean()
        print(f"| {name} | {kl.mean:.5f} | {kl.max:.3f} | {same:.1%} | {size:.0f} |", flush=True)


if __name__ == "__main__":
    main()
