#!/usr/bin/env bash
# Tries dashboard and alerts against a real Prometheus that scrapes a real server under load, and prints what each of their
# queries found:   scripts/monitoring/try.sh [seconds, 40 unless said] [picture.png, which needs scripts' Python environment]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seconds=${1:-40}
picture=${2:-}
. "$here/prometheus-tools.sh"
. "$here/own-server.sh"
prometheus_tools
start_server --max-sequences 4 --queue-limit 12 --max-n 12 --threads 1
target=${server_url#http://}

data=$(mktemp -d)
sed -e 's/_interval: 15s/_interval: 1s/' -e "s/127.0.0.1:8000/$target/" "$here/prometheus.yml" >"$data/prometheus.yml"
cp "$here/alerts.yml" "$data"
port=${QSFT_PROMETHEUS_PORT:-19090}
prometheus --config.file="$data/prometheus.yml" --storage.tsdb.path="$data/tsdb" \
  --web.listen-address="127.0.0.1:$port" >"$data/log" 2>&1 &
prometheus_pid=$!

# Prompts that begin alike, every kind of β, one request that is refused, and by turns fewer and more than there are slots.
ask() {
  curl -s -o /dev/null "$server_url/v1/completions" -H 'content-type: application/json' -d "$1" || true
}
game='Wordle:\ns t o r e\nb y b b g\nu n i t e\nb b g y g\n'
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
  for beta in 0 8 4096; do
    n=$((1 + SECONDS / 15 % 4 * 2))
    ask "{\"model\":\"wordle\",\"prompt\":\"$game\",\"max_tokens\":40,\"n\":$n,\"beta\":$beta}" &
  done
  ask '{"model":"wordle","prompt":"Wordle:\n","max_tokens":-1}'
  sleep 0.4
done
node "$here/try-queries.mjs" "http://127.0.0.1:$port" "$here"
[ -z "$picture" ] || "${PYTHON:-python3}" "$here/picture.py" "http://127.0.0.1:$port" "$seconds" "$picture"
