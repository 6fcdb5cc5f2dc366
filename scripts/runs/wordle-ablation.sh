#!/usr/bin/env bash
# What the value stage's settings are worth: trains the variants in the table of ../README.md on the
# behavior model that wordle.sh trained (out/wordle), and plays each in process. Wants a CUDA device.
set -euo pipefail
cd "$(dirname "$0")/.."

# variant NAME STEPS RETURN_STEPS THRESHOLD TARGET_RATE GAMMA HIGH
variant() {
  local out=out/ablation/$1
  rm -rf "$out" && mkdir -p "$out"
  cp -r out/wordle/pretrain out/wordle/behavior "$out"
  sed -e '/^\[value\]/,$ {' \
    -e "s/^steps = .*/steps = $2/; s/^return_steps = .*/return_steps = $3/" \
    -e "s/^support_threshold = .*/support_threshold = $4/; s/^target_rate = .*/target_rate = $5/" \
    -e "s/^gamma = .*/gamma = $6/" \
    -e '}' -e "s/^high = .*/high = $7/" runs/wordle.toml >"$out/run.toml"
  qsft train "$out/run.toml" --out "$out"
  qsft evaluate wordle --checkpoint "$out" --label "$1" --device cuda \
    --games 1500 --seed 7 --beta 64 256 1024
}

# A reward of -6 to -5 counts only whether the word was found.
variant bundled 3788 3000 0.001 0.005 0.7 0
variant solved-threshold-0.01 3807 1500 0.01 0.01 0.7 -5
variant solved-threshold-0.03 3805 1500 0.03 0.01 0.6 -5
variant solved-no-returns 5364 75 0.05 0.005 0.7 -5
variant no-returns 5371 75 0.05 0.005 0.7 0
