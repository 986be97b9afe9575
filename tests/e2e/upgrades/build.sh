#!/usr/bin/env bash
# Builds the version of the operator from which upgrades are tested, once, and prints the folder that holds its program
# `mgnet` and its CRDs (`crds`). The folder is the only line on stdout; all messages go to stderr.
#
# The version is a commit of this repository. After each release, it becomes the tag of that release. The result is kept in
# $MGNET_CACHE, else $XDG_CACHE_HOME/mgnet, else ~/.cache/mgnet.
set -euo pipefail

readonly version=062af8ed089e6011ef820d395e239be6c7542c68

say() { printf 'upgrades: %s\n' "$*" >&2; }

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/operator"
mkdir -p "$cache"
built="$cache/$version"
if [[ ! -d "$built" ]]; then
  if command -v flock >/dev/null; then
    exec 9>"$cache/.lock"
    flock 9
  fi
fi
if [[ ! -d "$built" ]]; then
  git -C "$here" cat-file -e "$version^{commit}" 2>/dev/null || {
    say "this clone lacks commit $version; fetch the whole history: git fetch --unshallow"
    exit 1
  }
  began=$SECONDS
  rm -rf "$cache"/.building.*
  temporary="$(mktemp -d "$cache/.building.XXXXXX")"
  trap 'rm -rf "$temporary"' EXIT
  git -C "$here/../../.." archive "$version" | tar -x -C "$temporary"
  say "compiling the operator of commit ${version:0:12}; this is done once and usually takes 12 to 18 minutes on two cores"
  (cd "$temporary" && CARGO_TARGET_DIR="$temporary/target" CARGO_PROFILE_DEV_DEBUG=0 \
    nice -n 10 cargo build --quiet --locked --package mgnet >&2)
  mkdir "$temporary/built"
  mv "$temporary/target/debug/mgnet" "$temporary/crds" "$temporary/built/"
  mv "$temporary/built" "$built"
  say "built the operator of commit ${version:0:12} in $((SECONDS - began)) s"
fi
printf '%s\n' "$built"
