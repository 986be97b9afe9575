#!/usr/bin/env bash
# Writes the software bill of materials of the image for one architecture: the crates in the binary, and the Debian packages.
#
#   sbom.sh ARCHITECTURE FILE
#
# FILE is in the JSON format of CycloneDX 1.5. cargo-cyclonedx lists the crates of Cargo.lock that the target has;
# deploy/image/packages.lock lists the packages.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'sbom: %s\n' "$*" >&2
  exit 1
}

(($# == 2)) || fail "usage: sbom.sh ARCHITECTURE FILE"
readonly architecture="$1" file="$2"
case "$architecture" in
  amd64) platform=x86_64-unknown-linux-gnu ;;
  arm64) platform=aarch64-unknown-linux-gnu ;;
  *) fail "there is no image for '$architecture'" ;;
esac
command -v cargo-cyclonedx >/dev/null || fail "cargo-cyclonedx is missing; 'make release-tools' installs it"

version="$(release/version.sh)"
# It writes beside Cargo.toml, and for every member of the workspace.
written="mgnet-$architecture-$$.cdx"
trap 'find . -name "$written.json" -not -path "./target/*" -delete' EXIT
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" \
  cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$platform" --no-build-deps \
  --override-filename "$written"
packages="$(awk -v of="$architecture" '$1 == of { print $2, $3 }' deploy/image/packages.lock |
  jq --raw-input --null-input --arg architecture "$architecture" '[inputs | split(" ") | {
    type: "library", name: .[0], version: .[1],
    purl: ("pkg:deb/debian/" + .[0] + "@" + (.[1] | @uri) + "?arch=" + $architecture + "&distro=debian-12")
  } | .["bom-ref"] = .purl]')"
mkdir -p "$(dirname "$file")"
# Paths of the machine are replaced, so that the same commit results in the same file anywhere.
jq --argjson packages "$packages" --arg version "$version" '
  if .metadata.component.version != $version then error("the SBOM is not about mgnet \($version)") else . end
  | .components += $packages
  | walk(if type == "string" then sub("^path\\+file://[^#]*#"; "mgnet#")
      | sub("\\?download_url=file://[^#]*"; "") else . end)' \
  "$written.json" >"$file"
printf '%s\n' "$file"
