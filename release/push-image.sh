#!/usr/bin/env bash
# Pushes the image with all its architectures, and prints its name with the digest.
#
#   push-image.sh [--dry-run] NAME [FOLDER]
#
# NAME is a repository in a registry without a tag, such as ghcr.io/OWNER/mgnet; the tag is the version. FOLDER is the OCI
# layout that deploy/image/build.sh has written, target/image/oci by default. skopeo must be logged in. It copies blobs and
# manifests as they are, so the digest stays. A tag that exists with another digest is never replaced.
# $MGNET_REGISTRY_TLS=false allows a registry without TLS, for tests. --dry-run prints what would be pushed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'push-image: %s\n' "$*" >&2
  exit 1
}

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
(($# == 1 || $# == 2)) || fail "usage: push-image.sh [--dry-run] NAME [FOLDER]"
readonly name="$1" folder="${2:-${CARGO_TARGET_DIR:-target}/image/oci}"
command -v skopeo >/dev/null || fail "skopeo is missing (Debian and Ubuntu: apt-get install skopeo)"

version="$(release/version.sh)"
digest="$(jq --raw-output --arg version "$version" \
  '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $version) | .digest' "$folder/index.json")"
[[ "$digest" == sha256:* ]] || fail "'$folder' has no image with the tag $version; run deploy/image/build.sh"
tls="${MGNET_REGISTRY_TLS:-true}"
if [[ "$dry_run" == true ]]; then
  printf 'push-image: would push %s as %s:%s\n' "$digest" "$name" "$version" >&2
else
  there="$(skopeo inspect --tls-verify="$tls" --format '{{.Digest}}' "docker://$name:$version" 2>/dev/null || true)"
  [[ -z "$there" || "$there" == "$digest" ]] || fail "$name:$version exists with the digest $there; a release is never replaced"
  skopeo copy --all --quiet --dest-tls-verify="$tls" "oci:$folder:$version" "docker://$name:$version" >&2
fi
printf '%s@%s\n' "$name" "$digest"
