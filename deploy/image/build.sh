#!/usr/bin/env bash
# Builds the image of the operator with buildah, which needs no daemon, and prints its digest.
#
#   build.sh [--without-dependency-list] [--notices FILE] [--output FOLDER] [ARCHITECTURE=BINARY...]
#
# The image is written to FOLDER (target/image/oci) as an OCI layout, with the version in Cargo.toml as its tag. With several
# binaries it is an index of one image for each architecture. Without one, the image has the release build of this machine.
# FILE (target/third-party.txt) has the licenses of the crates: release/notices.sh.
#
# The same commit and binaries result in the same digest with the same version of buildah. $SOURCE_DATE_EPOCH is the time of
# all files, by default that of the commit; $MGNET_REPOSITORY_URL is the address in the labels.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository="$(cd "$here/../.." && pwd)"
readonly here repository

fail() {
  printf 'image: %s\n' "$*" >&2
  exit 1
}

target="${CARGO_TARGET_DIR:-$repository/target}"
output="$target/image/oci"
notices="$target/third-party.txt"
rootfs_options=()
while (($# > 0)); do
  case "$1" in
    --without-dependency-list) rootfs_options+=("$1") ;;
    --notices) notices="${2:?image: --notices needs a file}" && shift ;;
    --output) output="${2:?image: --output needs a folder}" && shift ;;
    -*) fail "there is no option '$1'" ;;
    *) break ;;
  esac
  shift
done
for program in buildah jq; do
  command -v "$program" >/dev/null || fail "'$program' is missing (Debian and Ubuntu: apt-get install buildah jq)"
done

if (($# == 0)); then
  case "$(uname -m)" in
    x86_64) set -- "amd64=$target/release/mgnet" ;;
    aarch64 | arm64) set -- "arm64=$target/release/mgnet" ;;
    *) fail "there is no image for $(uname -m)" ;;
  esac
fi

version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$repository/Cargo.toml")"
revision="$(git -C "$repository" rev-parse HEAD 2>/dev/null || printf 'unknown')"
epoch="${SOURCE_DATE_EPOCH:-$(git -C "$repository" log -1 --format=%ct 2>/dev/null || printf '0')}"
url="${MGNET_REPOSITORY_URL:-}"
labels=(
  "title=mgnet"
  "description=Kubernetes operator for the private AWS network of a server migration"
  "licenses=Apache-2.0"
  "vendor=The mgnet authors"
  "version=$version"
  "revision=$revision"
  "created=$(date --utc --date "@$epoch" +%Y-%m-%dT%H:%M:%SZ)"
)
if [[ -n "$url" ]]; then
  labels+=("source=$url" "url=$url" "documentation=$url/blob/v$version/README.md")
fi
label_options=()
for label in "${labels[@]}"; do label_options+=(--label "org.opencontainers.image.$label"); done

# A storage of its own, so that nothing of the machine takes part, and nothing is left behind. The driver needs no mounts.
temporary="$(mktemp -d)"
# Without root, files of the storage belong to other users of buildah's namespace.
trap 'if (($(id -u) == 0)); then rm -rf "$temporary"; else buildah unshare rm -rf "$temporary"; fi' EXIT
storage=(--root "$temporary/storage" --runroot "$temporary/run" --storage-driver vfs)
# No key is asked for: the layout is a folder of this machine.
printf '{"default": [{"type": "insecureAcceptAnything"}]}\n' >"$temporary/policy.json"

rm -rf "$output"
mkdir -p "$(dirname "$output")"
buildah "${storage[@]}" manifest create "mgnet:$version" >/dev/null
for argument in "$@"; do
  architecture="${argument%%=*}" binary="${argument#*=}"
  "$here/rootfs.sh" "${rootfs_options[@]}" "$architecture" "$binary" "$notices" "$temporary/$architecture"
  buildah "${storage[@]}" build --quiet --isolation chroot --format oci --timestamp "$epoch" --identity-label=false \
    --signature-policy "$temporary/policy.json" --platform "linux/$architecture" "${label_options[@]}" \
    --file "$here/Dockerfile" --tag "mgnet:$version-$architecture" "$temporary/$architecture" >/dev/null
  buildah "${storage[@]}" manifest add "mgnet:$version" "containers-storage:localhost/mgnet:$version-$architecture" >/dev/null
done
if (($# == 1)); then
  buildah "${storage[@]}" push --quiet --format oci --signature-policy "$temporary/policy.json" \
    "mgnet:$version-$architecture" "oci:$output:$version"
else
  buildah "${storage[@]}" manifest push --quiet --all --format oci --signature-policy "$temporary/policy.json" \
    "mgnet:$version" "oci:$output:$version" >/dev/null
fi
jq --raw-output --arg version "$version" \
  '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $version) | .digest' "$output/index.json"
