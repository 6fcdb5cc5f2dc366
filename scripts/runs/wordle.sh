#!/usr/bin/env bash
# Reproduces the bundled policy from nothing: data, training, export, evaluation through the server,
# figure. Training wants a CUDA device (about 12 minutes on one H100); everything else runs on a CPU.
#
#   cd scripts && pip install . && runs/wordle.sh             # everything
#   cd scripts && pip install . && runs/wordle.sh evaluate    # evaluate ../models/wordle again
set -euo pipefail
cd "$(dirname "$0")/.."
source runs/serve.sh

readonly data=data/wordle out=out/wordle results=runs/wordle-results.jsonl

train() {
  qsft data wordle --out "$data" --games 2000000 --held-out 20000 --seed 0
  qsft encode "$data/train.jsonl" "$data/held-out.jsonl" --tokenizer "$data" --max-tokens 61
  qsft train runs/wordle.toml --out "$out"
  qsft export "$out" ../models/wordle --replace --beta 4096 --eos '<eos>' --prompt-prefix $'Wordle:\n' \
    --chat-stop $'\n'
}

play() {
  qsft evaluate wordle --url "$url" --json "$results" "$@"
}

play_trained() {
  play --games 1000 --seed 0 --beta 0 1 4 8 16 32 64 256
  play --games 1000 --seed 0 --beta 1 4 16 64 256 --q ratio
  play --games 1000 --seed 0 --extraction behavior --temperature 0.5 0.3
  # What is compared plays more games, for narrower intervals.
  play --games 4000 --seed 1 --beta 1024 4096
  play --games 4000 --seed 1 --extraction behavior --temperature 1 0.2 0.1 0
}

play_sharpened() {
  play --label sharpened --games 1000 --seed 0 --beta 1 4 16 256
  play --label sharpened --games 4000 --seed 1 --beta 64
}

# sharpen MODEL OUT: the behavior model as its own value model, π_φ·exp(β·π_φ); what sharpening alone
# is worth. Both models have one shape, so their weight files have one layout.
sharpen() {
  rm -rf "$2" && mkdir -p "$(dirname "$2")" && cp -r "$1" "$2"
  cp "$2/behavior.onnx.data" "$2/value.onnx.data"
  python - "$2/policy.json" <<'PY'
import json, pathlib, sys

path = pathlib.Path(sys.argv[1])
manifest = json.loads(path.read_text())
manifest["id"] = "sharpened"
manifest["files"]["value.onnx.data"] = manifest["files"]["behavior.onnx.data"]
path.write_text(json.dumps(manifest))
PY
}

evaluate() {
  (cd .. && npm run --silent build)
  rm -f "$results"
  serve ../models/wordle play_trained
  sharpen ../models/wordle out/models/sharpened
  serve out/models/sharpened play_sharpened
  qsft figure "$results" --out runs/wordle-return.svg
}

if [[ ${1:-all} == all ]]; then train; fi
evaluate
