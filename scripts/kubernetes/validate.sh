#!/usr/bin/env bash
# Renders every folder with Kustomize and checks the result against Kubernetes' own schemas, unknown fields refused.
# Needs kubectl, and kubernetes-validate from PyPI (in scripts' `dev` extra). Kinds of other projects have no schema there.
set -euo pipefail
cd "$(dirname "$0")"

rendered=$(mktemp -d)
trap 'rm -r "$rendered"' EXIT
for folder in */; do
  name=${folder%/}
  kubectl kustomize "$name" >"$rendered/$name.yaml"
  kubernetes-validate --strict --no-warn --quiet "$rendered/$name.yaml"
  echo "$name: $(grep -c '^kind:' "$rendered/$name.yaml") resources are valid"
done
