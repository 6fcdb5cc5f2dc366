"""Make policies of one shape with random weights for a GPU: python gpu/make_policy.py 1b OUT

Leaves OUT/checkpoint (what Transformers loads), OUT/policy (what the server loads, in float16),
OUT/bf16, the same in bfloat16, and OUT/paged, in float16 with a paged cache.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from make_model import SMOLLM2_135M, Shape, make_checkpoint, make_policy

from qsft.export.contract import BLOCK_SIZE

SHAPES = {
    "tiny": Shape(64, 128, 2, 2, 1),
    "135m": SMOLLM2_135M,
    "1b": Shape(2048, 8192, 16, 32, 8),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a GPU's policies with random weights.")
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("out", type=Path, help="the folder to write")
    arguments = parser.parse_args()
    checkpoint = arguments.out / "checkpoint"
    make_checkpoint(checkpoint, SHAPES[arguments.shape])
    make_policy(checkpoint, "fp16", arguments.out / "policy")
    make_policy(checkpoint, "bf16", arguments.out / "bf16")
    make_policy(checkpoint, "fp16", arguments.out / "paged", block_size=BLOCK_SIZE)


if __name__ == "__main__":
    main()
