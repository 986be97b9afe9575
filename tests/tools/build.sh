#!/usr/bin/env bash
# Builds the Go programs that the full tests run, and prints the folder that holds them.
#
#   build.sh SET
#
# SET is a folder beside this script with go.mod and go.sum: the `tool` lines of go.mod name the programs, and go.mod pins
# their versions. Its file `linker-flags`, if there is one, has one flag of the Go linker per line. The folder is the only
# line on stdout; all messages go to stderr. The programs are built once into $MGNET_CACHE, else $XDG_CACHE_HOME/mgnet,
# else ~/.cache/mgnet, and again when one of these files changes.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here

say() { printf 'tools: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Prints the packages that the `tool` lines of go.mod name.
packages() {
  awk '
    /^tool \(/ { inside = 1; next }
    inside && /^\)/ { inside = 0 }
    inside && $1 !~ /^\/\// { print $1 }
    /^tool [^(]/ { print $2 }' "$set/go.mod"
}

# Prints the number of processors, or a smaller number where memory is short: one compiler takes up to a gigabyte.
parallel_compilers() {
  local cores
  cores="$(getconf _NPROCESSORS_ONLN)"
  printf '%s\n' $((cores < 4 ? cores : 4))
}

(($# == 1)) || fail "usage: build.sh SET"
set="$here/$1"
[[ -f "$set/go.mod" ]] || fail "there is no set of tools '$1'; '$here' has no file '$1/go.mod'"

cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/tools"
mkdir -p "$cache"
sources=("$set/go.mod" "$set/go.sum")
if [[ -f "$set/linker-flags" ]]; then sources+=("$set/linker-flags"); fi
built="$cache/$1-$(cat "${sources[@]}" | cksum | cut -d' ' -f1)"
if [[ ! -d "$built" ]]; then
  command -v go >/dev/null || fail "Go 1.26 or newer is needed to build the tools: https://go.dev/doc/install"
  if command -v flock >/dev/null; then
    exec 9>"$cache/.lock-$1"
    flock 9
  fi
fi
if [[ ! -d "$built" ]]; then
  began=$SECONDS
  rm -rf "$cache/.building-$1".*
  temporary="$(mktemp -d "$cache/.building-$1.XXXXXX")"
  trap 'rm -rf "$temporary"' EXIT
  mapfile -t packages < <(packages)
  ((${#packages[@]} > 0)) || fail "'$set/go.mod' names no tool"
  linker_flags="-s -w"
  if [[ -f "$set/linker-flags" ]]; then linker_flags+=" $(tr '\n' ' ' <"$set/linker-flags")"; fi
  say "building ${packages[*]##*/}; this is done once and takes some minutes"
  # The same flags as those of the control plane, so that both share the packages of Kubernetes in Go's build cache.
  (cd "$set" && CGO_ENABLED=0 GOWORK=off nice -n 10 go build -p "$(parallel_compilers)" -trimpath -buildvcs=false \
    -gcflags=all=-dwarf=false -ldflags "$linker_flags" -o "$temporary/" "${packages[@]}" 2> >(grep -v '^go: downloading' >&2)) ||
    fail "go build failed; its messages are above"
  mv "$temporary" "$built"
  say "built ${packages[*]##*/} in $((SECONDS - began)) s"
fi
printf '%s\n' "$built"
