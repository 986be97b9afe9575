#!/usr/bin/env bash
# Writes the manifests of a release: crds.yaml, and install.yaml with the CRDs, the operator and its RBAC rules.
#
#   manifests.sh NAME@DIGEST FOLDER
#
# NAME@DIGEST is the image, as release/push-image.sh prints it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'manifests: %s\n' "$*" >&2
  exit 1
}

(($# == 2)) || fail "usage: manifests.sh NAME@DIGEST FOLDER"
readonly image="$1" folder="$2"
[[ "$image" =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] || fail "'$image' has no digest; use NAME@sha256:..."
command -v kubectl >/dev/null || fail "kubectl is missing: https://kubernetes.io/docs/tasks/tools"

version="$(release/version.sh)"
placeholder="$(sed -n 's/^ *newName: *//p' deploy/base/kustomization.yaml):$version"
mkdir -p "$folder"
kubectl kustomize crds >"$folder/crds.yaml"
kubectl kustomize deploy/base >"$folder/install.yaml"
(($(grep -cF "image: $placeholder" "$folder/install.yaml") == 1)) ||
  fail "deploy/base has no container with the image '$placeholder'"
sed -i "s#image: $placeholder#image: ${image%@*}:$version@${image#*@}#" "$folder/install.yaml"
printf '%s\n' "$folder/crds.yaml" "$folder/install.yaml"
