#!/usr/bin/env bash
# Packages the Helm chart, pushes it, and prints its name with the digest.
#
#   push-chart.sh [--dry-run] NAME FOLDER
#
# NAME is a repository in a registry without the name of the chart, such as ghcr.io/OWNER/charts. The package is written to
# FOLDER. helm must be logged in. $MGNET_REGISTRY_TLS=false allows a registry without TLS, for tests. --dry-run packages only.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'push-chart: %s\n' "$*" >&2
  exit 1
}

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
(($# == 2)) || fail "usage: push-chart.sh [--dry-run] NAME FOLDER"
readonly name="$1" folder="$2"
command -v helm >/dev/null || fail "helm is missing: https://helm.sh/docs/intro/install"
[[ -f deploy/chart/Chart.yaml ]] || fail "there is no chart in deploy/chart"

version="$(release/version.sh)"
mkdir -p "$folder"
helm package deploy/chart --destination "$folder" >&2
package="$folder/mgnet-$version.tgz"
[[ -f "$package" ]] || fail "helm wrote no '$package'"
if [[ "$dry_run" == true ]]; then
  printf 'push-chart: would push %s to oci://%s\n' "$package" "$name" >&2
  exit
fi
options=()
[[ "${MGNET_REGISTRY_TLS:-true}" == true ]] || options=(--plain-http)
pushed="$(helm push "$package" "oci://$name" "${options[@]}" 2>&1)" || fail "$pushed"
digest="$(sed -n 's/^Digest: *//p' <<<"$pushed")"
[[ "$digest" == sha256:* ]] || fail "helm printed no digest: $pushed"
printf '%s/mgnet@%s\n' "$name" "$digest"
