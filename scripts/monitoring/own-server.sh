# To be sourced: `start_server [flags]` runs the built server until the script ends, and sets server_url.
start_server() {
  local root log
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  log=$(mktemp)
  (cd "$root" && npm run --silent build)
  node "$root/dist/main.js" --port 0 "$@" >"$log" &
  server_pid=$!
  trap 'kill "$server_pid" ${prometheus_pid:-} 2>/dev/null || true; wait' EXIT
  for _ in $(seq 300); do
    server_url=$(sed -nE 's/.*"url":"([^"]+)".*/\1/p' "$log" | head -n 1)
    [ -n "$server_url" ] && return
    kill -0 "$server_pid" || break
    sleep 0.2
  done
  echo "the server did not start: $(cat "$log")" >&2
  return 1
}
