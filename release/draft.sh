#!/usr/bin/env bash
# Creates the draft of the release with its notes and files; a person publishes it.
#
#   draft.sh [--dry-run] TAG FOLDER
#
# FOLDER holds the files; SHA256SUMS is added. `gh` must be logged in. --dry-run prints the command.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
(($# == 2)) || {
  echo "draft: usage: draft.sh [--dry-run] TAG FOLDER" >&2
  exit 1
}
readonly tag="$1" folder="$2"
version="${tag#v}"
for file in "kubectl-mgnet_${version}_"{linux_amd64,linux_arm64,darwin_arm64}.tar.gz \
  migration-network.yaml crds.yaml install.yaml "mgnet-${version}_linux_"{amd64,arm64}.cdx.json; do
  [[ -f "$folder/$file" ]] || {
    echo "draft: '$folder' lacks '$file'" >&2
    exit 1
  }
done
notes="$(mktemp)"
trap 'rm -f "$notes"' EXIT
release/notes.sh "$version" >"$notes"
rm -f "$folder/SHA256SUMS"
(cd "$folder" && LC_ALL=C && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
command=(gh release create "$tag" --draft --verify-tag --title "$tag" --notes-file "$notes")
# A version with a hyphen, such as 0.2.0-rc.1, is a pre-release.
[[ "$version" != *-* ]] || command+=(--prerelease)
command+=("$folder"/*)
if [[ "$dry_run" == true ]]; then printf '%s\n' "${command[*]}"; else "${command[@]}"; fi
