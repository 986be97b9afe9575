#!/usr/bin/env bash
# Packs the kubectl plugin for one platform: kubectl-mgnet_VERSION_OS_ARCHITECTURE.tar.gz. Prints the file.
#
#   archive.sh OS ARCHITECTURE BINARY FOLDER
#
# OS is linux or darwin, ARCHITECTURE is amd64 or arm64, as krew names them. The archive holds the plugin, the script with
# which kubectl completes its arguments, and the licenses. The same inputs result in the same archive: all files have the
# time $SOURCE_DATE_EPOCH, by default that of the commit. $MGNET_NOTICES is the file that release/notices.sh has written.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'archive: %s\n' "$*" >&2
  exit 1
}

(($# == 4)) || fail "usage: archive.sh OS ARCHITECTURE BINARY FOLDER"
readonly os="$1" architecture="$2" binary="$3" folder="$4"
case "$os-$architecture" in
  linux-amd64 | linux-arm64 | darwin-arm64) ;;
  *) fail "there is no archive for $os/$architecture" ;;
esac
notices="${MGNET_NOTICES:-${CARGO_TARGET_DIR:-target}/third-party.txt}"
for file in "$binary" "$notices"; do [[ -f "$file" ]] || fail "there is no file '$file'"; done
# GNU tar, which macOS has under another name.
tar="$(command -v gtar || command -v tar)"
"$tar" --version | grep -q 'GNU tar' || fail "GNU tar is missing (macOS: brew install gnu-tar)"

version="$(release/version.sh)"
epoch="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
mkdir -p "$folder"
file="$folder/kubectl-mgnet_${version}_${os}_${architecture}.tar.gz"
temporary="$(mktemp -d)"
trap 'rm -rf "$temporary"' EXIT
install -m 755 "$binary" "$temporary/kubectl-mgnet"
install -m 755 release/kubectl_complete-mgnet "$temporary/kubectl_complete-mgnet"
install -m 644 LICENSE "$temporary/LICENSE"
install -m 644 "$notices" "$temporary/THIRD-PARTY"
"$tar" --create --format ustar --sort=name --mtime "@$epoch" --owner 0 --group 0 --numeric-owner --directory "$temporary" \
  LICENSE THIRD-PARTY kubectl-mgnet kubectl_complete-mgnet | gzip --no-name --best >"$file"
printf '%s\n' "$file"
