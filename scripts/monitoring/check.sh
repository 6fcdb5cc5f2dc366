#!/usr/bin/env bash
# Checks with promtool what a server exposes, and the configuration, rules and rule tests beside this file:
#   scripts/monitoring/check.sh [URL of a server]      without one, a server with the bundled policy is started
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/prometheus-tools.sh"
. "$here/own-server.sh"
prometheus_tools

(cd "$here" && promtool check config prometheus.yml && promtool test rules alerts.test.yml)

if [ $# -gt 0 ]; then url=$1; else start_server; url=$server_url; fi
metrics=$(curl -fsS "$url/metrics")

echo "Checking this server's own metrics"
grep -Ev '^(# (HELP|TYPE) )?vllm:' <<<"$metrics" | promtool check metrics
echo "  SUCCESS"

# vLLM's names are what they are: they have a colon, which the linter reserves for rules, and one histogram ends in _total.
echo "Checking the metrics named as vLLM's, apart from the names"
complaints=$(sed -n 's/vllm:/vllm_/p' <<<"$metrics" | promtool check metrics 2>&1 |
  grep -v '^vllm_iteration_tokens_total non-counter metrics should not have "_total" suffix$' || true)
if [ -n "$complaints" ]; then printf '%s\n' "$complaints"; exit 1; fi
echo "  SUCCESS"
