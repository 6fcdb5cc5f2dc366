#!/usr/bin/env bash
# Tries dashboard and alerts against a real Prometheus that scrapes a real server under a small load, and prints what each of
# their queries found:   scripts/monitoring/try.sh [seconds, 40 unless said]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seconds=${1:-40}
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

# Prompts that begin alike, every kind of β, one request that is refused, more at once than there are slots.
ask() {
  curl -s -o /dev/null "$server_url/v1/completions" -H 'content-type: application/json' -d "$1" || true
}
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
  for beta in 0 8 4096; do
    ask "{\"model\":\"wordle\",\"prompt\":\"Wordle:\\ns t o r e\\nb y b b g\\n\",\"max_tokens\":5,\"n\":4,\"beta\":$beta}" &
  done
  ask '{"model":"wordle","prompt":"Wordle:\n","max_tokens":-1}'
  sleep 0.4
done
node "$here/try-queries.mjs" "http://127.0.0.1:$port" "$here"
