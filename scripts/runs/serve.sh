# shellcheck shell=bash
# Sourced by runs that play through the server, from scripts/.

readonly port=${PORT:-8765}
readonly url=http://127.0.0.1:$port

# serve MODEL COMMAND...: run a command while a server offers the model
serve() {
  local model=$1
  shift
  node ../dist/main.js --model "$model" --port "$port" --log-level warn &
  local server=$!
  # shellcheck disable=SC2064 # now, since the variable is gone when the script ends
  trap "kill $server 2>/dev/null || true" EXIT
  until curl -sf "$url/health/ready" >/dev/null; do
    kill -0 $server
    sleep 0.2
  done
  "$@"
  kill $server
  wait $server || true
  trap - EXIT
}
