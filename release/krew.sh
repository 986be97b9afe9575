#!/usr/bin/env bash
# Writes the manifest of the plugin for krew, migration-network.yaml, from release/krew.template.yaml. Prints the file.
#
#   krew.sh REPOSITORY_URL FOLDER
#
# FOLDER holds the archives of all platforms (release/archive.sh) and gets the manifest, with their SHA-256.
# REPOSITORY_URL is the address of the repository, whose release holds the archives.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# == 2)) || {
  echo "krew: usage: krew.sh REPOSITORY_URL FOLDER" >&2
  exit 1
}
readonly url="$1" folder="$2"
version="$(release/version.sh)"
manifest="$(sed -e '/^#/d' -e "s#@URL@#$url#g" -e "s#@VERSION@#$version#g" release/krew.template.yaml)"
for platform in linux_amd64 linux_arm64 darwin_arm64; do
  archive="$folder/kubectl-mgnet_${version}_$platform.tar.gz"
  [[ -f "$archive" ]] || {
    echo "krew: there is no archive '$archive'; release/archive.sh writes it" >&2
    exit 1
  }
  sum="$(sha256sum "$archive" | cut -d ' ' -f 1)"
  manifest="${manifest//@SHA256_$platform@/$sum}"
done
printf '%s\n' "$manifest" >"$folder/migration-network.yaml"
printf '%s\n' "$folder/migration-network.yaml"
