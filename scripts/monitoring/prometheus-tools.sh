# To be sourced: puts prometheus and promtool on the PATH, from Debian's package unpacked in a scratch folder where they are not
# installed. Nothing is installed and nothing runs as root.
prometheus_tools() {
  command -v prometheus >/dev/null && command -v promtool >/dev/null && return
  local scratch=${QSFT_MONITORING_SCRATCH:-${TMPDIR:-/tmp}/qsft-monitoring}
  if [ ! -x "$scratch/usr/bin/promtool" ]; then
    mkdir -p "$scratch"
    (cd "$scratch" && apt-get download -qq prometheus 2>/dev/null && dpkg -x prometheus_*.deb .) || {
      echo "prometheus is neither on the PATH nor to be had from apt: install it, https://prometheus.io/download" >&2
      return 1
    }
  fi
  PATH="$scratch/usr/bin:$PATH"
}
