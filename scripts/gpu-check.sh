#!/usr/bin/env bash
# Checks a GPU against the CPU and measures it, in one command:
#   scripts/gpu-check.sh pack [FOLDER]    here: everything another machine needs, in pieces below 64 MiB (default .gpu-check)
#   FOLDER/gpu-check.sh                   there, with Python, torch and transformers: unpacks beside itself, then checks
#   scripts/gpu-check.sh                  in a checkout that has `npm ci`, `npm run cuda:install` and scripts' Python packages
# DEVICE=cuda, SHAPES=135m,1b, CONCURRENCY=1,8,32,128, PYTHON=python3 and OUT=gpu-check-out may be set; DEVICE=cpu SHAPES=tiny is a dry run.
# `pack` takes packages for the Python that runs it, or for TARGET_PYTHON=3.12.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
device=${DEVICE:-cuda} shapes=${SHAPES:-135m,1b} python=${PYTHON:-python3} out=${OUT:-gpu-check-out}

pack() {
  local folder=${1:-.gpu-check} root packages
  root=$(dirname "$here") staging=$(mktemp -d)
  trap 'rm -r "$staging"' EXIT
  cd "$root"
  npm run --silent build
  [ -f .cuda/libonnxruntime.so.1 ] || npm run --silent cuda:install
  mkdir -p "$folder" "$staging/qsft/bin" "$staging/qsft/scripts"
  rm -f "$folder"/part.*
  cp "$(node -p process.execPath)" "$staging/qsft/bin/node"
  cp -r package.json package-lock.json .npmrc dist .cuda "$staging/qsft/"
  cp -r scripts/gpu scripts/gpu-check.sh scripts/bench scripts/qsft scripts/pyproject.toml "$staging/qsft/scripts/"
  (cd "$staging/qsft" && npm ci --omit=dev --silent && find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 \
    ! -path "*/$(node -p 'process.platform + "/" + process.arch')" -exec rm -r {} +)
  # What the export needs beside torch and transformers, as it is installed here.
  packages=$("$python" -m pip list --format=freeze | grep -iE '^(onnx|onnx[-_]ir|ml[-_]dtypes|onnxruntime|onnxruntime[-_]genai|protobuf|flatbuffers|peft|accelerate|psutil)==')
  # shellcheck disable=SC2086 # one word a package
  "$python" -m pip download --quiet --no-deps --only-binary=:all: ${TARGET_PYTHON:+--python-version "$TARGET_PYTHON"} \
    --dest "$staging/qsft/wheels" $packages
  tar -C "$staging" -czf - qsft | split --bytes=60M - "$folder/part."
  cp "$here/gpu-check.sh" "$folder/"
  ls -l "$folder"
}

unpack() {
  [ -d "$here/qsft" ] || cat "$here"/part.* | tar -xzf - -C "$here"
  [ -d "$here/packages" ] || "$python" -m pip install --quiet --no-index --no-deps --target "$here/packages" "$here"/qsft/wheels/*.whl
  PATH="$here/qsft/bin:$PATH" PYTHONPATH="$here/packages${PYTHONPATH:+:$PYTHONPATH}" exec "$here/qsft/scripts/gpu-check.sh"
}

check() {
  local root models
  root=$(dirname "$here") models=${MODELS:-$out/models}
  export PYTHONPATH="$root/scripts:$root/scripts/gpu${PYTHONPATH:+:$PYTHONPATH}"
  for shape in ${shapes//,/ }; do
    [ -f "$models/$shape/paged/policy.json" ] || "$python" "$root/scripts/gpu/make_policy.py" "$shape" "$models/$shape"
  done
  local library=()
  if [ "$device" != cpu ]; then
    library=(--library "$root/.cuda/libonnxruntime.so.1")
    # PyTorch's own packages bring CUDA's libraries.
    LD_LIBRARY_PATH=$("$python" -c 'import glob, nvidia; print(":".join(f for p in nvidia.__path__ for f in glob.glob(p + "/*/lib")))' 2>/dev/null || true):${LD_LIBRARY_PATH:-}
    export LD_LIBRARY_PATH
  fi
  "$python" "$root/scripts/gpu/check.py" "$models" --out "$out" --device "$device" --shapes "$shapes" \
    --concurrency "${CONCURRENCY:-1,8,32,128}" --server "$root/dist/main.js" "${library[@]}"
}

if [ "${1:-}" = pack ]; then pack "${2:-}"
elif compgen -G "$here/part.*" >/dev/null; then unpack
else check
fi
