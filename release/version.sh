#!/usr/bin/env bash
# Prints the version, after checking that all files agree on it.
#
#   version.sh [--tag TAG]
#
# Compares Cargo.toml with the chart, the image in deploy/base, and the first release in CHANGELOG.md. With --tag, TAG must be
# `v` and the version, and CHANGELOG.md must have its date.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'version: %s\n' "$*" >&2
  exit 1
}

tag=''
case "${1:-}" in
  '') ;;
  --tag) tag="${2:?version: --tag needs a tag}" ;;
  *) fail "usage: version.sh [--tag TAG]" ;;
esac

version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)"
[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?$ ]] || fail "Cargo.toml has no version of three numbers"

# Fails if the version in a file differs: file, where it is, its value.
agrees() {
  [[ "$3" == "$version" ]] || fail "Cargo.toml has version $version, but $2 in $1 is '$3'"
}
agrees deploy/base/kustomization.yaml 'the tag of the image' "$(sed -n 's/^ *newTag: *//p' deploy/base/kustomization.yaml)"
if [[ -f deploy/chart/Chart.yaml ]]; then
  for field in version appVersion; do
    value="$(sed -n "s/^$field: *//p" deploy/chart/Chart.yaml | tr -d "\"'")"
    agrees deploy/chart/Chart.yaml "the $field" "$value"
  done
fi
heading="$(grep -m 1 -E '^## \[[0-9]' CHANGELOG.md || true)"
agrees CHANGELOG.md 'the first release' "$(sed -E 's/^## \[([^]]*)\].*/\1/' <<<"$heading")"

if [[ -n "$tag" ]]; then
  [[ "$tag" == "v$version" ]] || fail "the tag is '$tag', but the version is $version; the tag must be 'v$version'"
  [[ "$heading" =~ \ -\ [0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] ||
    fail "CHANGELOG.md has no date for $version; write '## [$version] - YYYY-MM-DD'"
fi
printf '%s\n' "$version"
