#!/usr/bin/env bash
# What of the CUDA path a machine without a GPU can check: scripts/gpu/without-gpu.sh POLICY (exported with --precision fp16 or bf16).
# ONNX Runtime's own CUDA provider loads the policy over stand-ins of CUDA's libraries: it refuses a graph with a node it
# has no kernel for, and every byte that would cross is counted. No kernel runs. Needs gcc, and `npm run cuda:install`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
provider=$root/.cuda/libonnxruntime_providers_cuda.so
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

needed=$(readelf --dyn-syms --wide "$provider" | awk '$7 == "UND" { print $8 }' | grep -E '^_*(cu|cublas)[A-Za-z_]' | grep -v __cxa)
own=$(grep -oE '\b_*cu[a-zA-Z_0-9]+\(' "$here/stand-in-cuda.c" | tr -d '(' | sort -u)
for library in $(readelf -d "$provider" | grep -oE 'lib(cu[a-zA-Z]*)\.so\.[0-9]+' | sort -u); do
  symbols=$(grep -E "@$library\b" <<<"$needed" | sed 's/@.*//' | sort -u || true)
  [ "$library" != libcuda.so.1 ] || symbols=$(grep -v @ <<<"$needed" || true)
  for symbol in $symbols; do
    grep -qx "$symbol" <<<"$own" || echo "long $symbol() { return 0; }"
  done >"$folder/$library.c"
  echo "$library { *; };" >"$folder/$library.map"
  gcc -shared -fPIC -w "-Wl,--version-script=$folder/$library.map,-soname,$library" -o "$folder/$library" \
    "$folder/$library.c" "$here/stand-in-cuda.c"
done
LD_LIBRARY_PATH=$folder "$root/node_modules/.bin/tsx" "$here/without-gpu.ts" "$1" "$root/.cuda/libonnxruntime.so.1" "$folder/libcudart.so.13"
