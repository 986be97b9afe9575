#!/usr/bin/env bash
# Pins the current versions of the image's Debian packages in packages.lock, for each architecture.
#
#   update-packages.sh
#
# Run it on Debian 12 as often as there are security updates, and before each release: apt checks the signatures of the
# archive, and packages.lock records the SHA-256 of each package, which rootfs.sh verifies on any machine.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here packages=(base-files ca-certificates gcc-12-base libc6 libgcc-s1)

command -v apt-get >/dev/null || {
  echo "update-packages: 'apt-get' is missing; run this script on Debian 12" >&2
  exit 1
}
grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release || {
  echo "update-packages: this is not Debian 12, whose packages the image has; run this script there" >&2
  exit 1
}

# Lists of packages of their own, from the machine's mirror: the machine has no other architectures, and its installed versions
# do not matter.
state="$(mktemp -d)"
trap 'rm -rf "$state"' EXIT
cd "$state"
mkdir -p lists/partial cache/archives/partial

{
  echo "# Debian packages of the image: architecture, package, version, path in the archive, SHA-256."
  echo "# Written by update-packages.sh. Snapshot: the time at which the archives had these versions."
  echo "# Snapshot: $(date --utc +%Y%m%dT%H%M%SZ)"
  for architecture in amd64 arm64; do
    private=(-o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o "APT::Sandbox::User=root"
      -o "Dir::State=$state" -o "Dir::State::lists=$state/lists" -o "Dir::State::status=/dev/null"
      -o "Dir::Cache=$state/cache")
    apt-get "${private[@]}" update -qq >&2
    apt-get "${private[@]}" download --print-uris "${packages[@]}" |
      sed -E "s#^'https?://[^/]+/([^']+)' ([^_]+)_([^_]+)_[^ ]+ [0-9]+ SHA256:([0-9a-f]+)\$#$architecture \2 \3 \1 \4#" |
      sort
    rm -rf "$state/lists" "$state/cache"
    mkdir -p lists/partial cache/archives/partial
  done
} >packages.lock
(($(grep -cE '^(amd64|arm64) [a-z0-9.-]+ [^ ]+ [^ ]+\.deb [0-9a-f]{64}$' packages.lock) == 2 * ${#packages[@]})) || {
  echo "update-packages: apt named not all packages, or without SHA-256:" >&2
  cat packages.lock >&2
  exit 1
}
cp packages.lock "$here/packages.lock"
