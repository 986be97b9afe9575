#!/usr/bin/env bash
# Builds and pushes the image of both architectures, pushes the chart, signs both, and collects the files of the release.
#
#   publish.sh [--dry-run] REGISTRY FOLDER
#
# FOLDER holds what release/build.sh has written for all platforms; its folder `release` gets the files of the release.
# $GITHUB_REPOSITORY, such as OWNER/mgnet, gives the names: REGISTRY/OWNER/mgnet and REGISTRY/OWNER/charts/mgnet. The names and
# digests are written to $GITHUB_OUTPUT, or to standard output. --dry-run builds everything, but neither pushes nor signs.
# $MGNET_IMAGE_OPTIONS are further options of deploy/image/build.sh, for tests.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

dry_run=()
if [[ "${1:-}" == --dry-run ]]; then dry_run=(--dry-run) && shift; fi
(($# == 2)) || {
  echo "publish: usage: publish.sh [--dry-run] REGISTRY FOLDER" >&2
  exit 1
}
readonly registry="$1" folder="$2"
repository="${GITHUB_REPOSITORY:?set GITHUB_REPOSITORY to OWNER/NAME}"
url="${GITHUB_SERVER_URL:-https://github.com}/$repository"
# Registries accept lower case only.
name="$registry/${repository,,}"
version="$(release/version.sh)"
files="$folder/release"
layout="$folder/image"
mkdir -p "$files"
read -r -a image_options <<<"${MGNET_IMAGE_OPTIONS:-}"

MGNET_REPOSITORY_URL="$url" deploy/image/build.sh "${image_options[@]}" --notices "$folder/third-party.txt" --output "$layout" \
  "amd64=$folder/mgnet-linux-amd64" "arm64=$folder/mgnet-linux-arm64" >&2
image="$(release/push-image.sh "${dry_run[@]}" "$name" "$layout")"
chart="$(release/push-chart.sh "${dry_run[@]}" "${name%/*}/charts" "$name" "$files")"
release/sign.sh "${dry_run[@]}" "$image" ${chart:+"$chart"} >&2

cp "$folder"/kubectl-mgnet_*.tar.gz "$folder"/*.cdx.json "$files/"
release/krew.sh "$url" "$files" >&2
release/manifests.sh "$image" "$files" >&2

# Prints the digest of the image for one architecture in the index.
digest_of() {
  jq --raw-output --arg architecture "$1" '.manifests[] | select(.platform.architecture == $architecture) | .digest' \
    "$layout/blobs/sha256/${image#*@sha256:}"
}
cat >>"${GITHUB_OUTPUT:-/dev/stdout}" <<OUTPUT
image-name=$name
image-digest=${image#*@}
image-digest-amd64=$(digest_of amd64)
image-digest-arm64=$(digest_of arm64)
sbom-amd64=$files/mgnet-${version}_linux_amd64.cdx.json
sbom-arm64=$files/mgnet-${version}_linux_arm64.cdx.json
OUTPUT
