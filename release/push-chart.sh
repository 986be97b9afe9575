#!/usr/bin/env bash
# Packages the Helm chart, pushes it, and prints its name with the digest.
#
#   push-chart.sh [--dry-run] NAME IMAGE FOLDER
#
# NAME is a repository in a registry without the name of the chart, such as ghcr.io/OWNER/charts. IMAGE is the repository of the
# image, such as ghcr.io/OWNER/mgnet, which replaces the placeholder in the values. The package is written to FOLDER. helm must be logged in. $MGNET_REGISTRY_TLS=false allows a registry without TLS, for tests. --dry-run packages only.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'push-chart: %s\n' "$*" >&2
  exit 1
}

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
(($# == 3)) || fail "usage: push-chart.sh [--dry-run] NAME IMAGE FOLDER"
readonly name="$1" image="$2" folder="$3"
command -v helm >/dev/null || fail "helm is missing: https://helm.sh/docs/intro/install"
[[ -f deploy/chart/Chart.yaml ]] || fail "there is no chart in deploy/chart"

version="$(release/version.sh)"
mkdir -p "$folder"
temporary="$(mktemp -d)"
trap 'rm -rf "$temporary"' EXIT
# The chart has links to files beside it.
cp -rL deploy/chart "$temporary/mgnet"
placeholder='repository: registry.example.com/mgnet'
(($(grep -cF "$placeholder" "$temporary/mgnet/values.yaml") == 1)) || fail "the values of the chart have no '$placeholder'"
sed -i "s#$placeholder#repository: $image#" "$temporary/mgnet/values.yaml"
helm package "$temporary/mgnet" --destination "$folder" >&2
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
