#!/usr/bin/env bash
# Builds the program for the machine on which it runs, and writes what a release needs of it.
#
#   build.sh [--dry-run] OS ARCHITECTURE FOLDER
#
# FOLDER gets the archive of the kubectl plugin and the licenses of the crates, and on Linux also the binary for the image and
# its software bill of materials. --dry-run prints the commands.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
(($# == 3)) || {
  echo "build: usage: build.sh [--dry-run] OS ARCHITECTURE FOLDER" >&2
  exit 1
}
readonly os="$1" architecture="$2" folder="$3" target="${CARGO_TARGET_DIR:-target}"
run() { if [[ "$dry_run" == true ]]; then printf '%s\n' "$*"; else "$@"; fi; }

version="$(release/version.sh)"
run mkdir -p "$folder"
run cargo auditable build --release --locked --package mgnet --bin mgnet
run release/notices.sh "$folder/third-party.txt"
run env MGNET_NOTICES="$folder/third-party.txt" release/archive.sh "$os" "$architecture" "$target/release/mgnet" "$folder"
if [[ "$os" == linux ]]; then
  run release/sbom.sh "$architecture" "$folder/mgnet-${version}_linux_$architecture.cdx.json"
  run install -m 755 "$target/release/mgnet" "$folder/mgnet-linux-$architecture"
fi
