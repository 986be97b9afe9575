#!/usr/bin/env bash
# Prints the folder that holds etcd, kube-apiserver, kube-controller-manager and kubectl; builds them first if need be.
#
# The folder is the only line on stdout, so that a caller can take it as it stands; everything meant for people goes to
# stderr. They are built from Go modules: one source for all four, pinned with checksums next to the code
# (modules/*/go.sum), for every platform that Go builds for.
#
#   KUBEBUILDER_ASSETS  a folder that holds all four wins over building (the convention of controller-runtime's envtest)
#   MGNET_CACHE         where to keep what was built; default: $XDG_CACHE_HOME/mgnet, or ~/.cache/mgnet
set -euo pipefail

readonly programs=(etcd kube-apiserver kube-controller-manager kubectl)
modules="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/modules"
readonly modules

say() { printf 'control-plane: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Prints which of the programs a folder lacks.
missing_in() {
  local program
  for program in "${programs[@]}"; do
    if ! [[ -f "$1/$program" && -x "$1/$program" ]]; then printf ' %s' "$program"; fi
  done
}

# Prints the version of module $2 in go.mod $1. Read as text, so that a filled cache needs no Go on the machine.
pinned() {
  local version
  version="$(awk -v module="$2" '
    $1 == "require" { sub(/^require[ \t]+/, "") }
    $1 == module && $2 ~ /^v[0-9]/ { print $2; exit }' "$modules/$1/go.mod")"
  [[ -n "$version" ]] || fail "modules/$1/go.mod pins no $2"
  printf '%s\n' "$version"
}

require_go() {
  command -v go >/dev/null ||
    fail "Go 1.26 or newer is needed to build ${programs[*]}; install it from https://go.dev/doc/install, or set" \
      "KUBEBUILDER_ASSETS to a folder that holds them"
  # Reads no more than go.mod. An older Go fetches the one that go.mod asks for, or says that it may not.
  (cd "$modules/kubernetes" && GOWORK=off go list -m >/dev/null) ||
    fail "$(go version) cannot be used; install Go 1.26 or newer from https://go.dev/doc/install"
}

# Builds package $4 of module folder $3 as program $2 into folder $1, with the linker flags $5.
build() {
  local into="$1" program="$2" module="$3" package="$4" flags="$5" began=$SECONDS
  say "building $program ..."
  # CGO_ENABLED=0: no C compiler needed, and the result runs on any Linux. GOWORK=off: a go.work in a folder above must
  # not replace the pinned modules. `-p 2` bounds the memory: each compiler of these packages may take a gigabyte.
  (
    cd "$modules/$module"
    CGO_ENABLED=0 GOWORK=off go build -p 2 -trimpath -buildvcs=false -ldflags "$flags" -o "$into/$program" "$package"
  ) >&2 || fail "building $program failed; the messages of go are above"
  say "built $program: $(($(wc -c <"$into/$program") / 1000000)) MB in $((SECONDS - began)) s"
}

if [[ -n "${KUBEBUILDER_ASSETS:-}" ]]; then
  missing="$(missing_in "$KUBEBUILDER_ASSETS")"
  if [[ -z "$missing" ]]; then
    (cd "$KUBEBUILDER_ASSETS" && pwd)
    exit
  fi
  say "KUBEBUILDER_ASSETS is not used: '$KUBEBUILDER_ASSETS' lacks$missing"
fi

kubernetes="$(pinned kubernetes k8s.io/kubernetes)"
etcd="$(pinned etcd go.etcd.io/etcd/server/v3)"
cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/control-plane"
mkdir -p "$cache"
cache="$(cd "$cache" && pwd)"
folder="$cache/$kubernetes-$etcd"

if [[ -z "$(missing_in "$folder")" ]]; then
  printf '%s\n' "$folder"
  exit
fi

require_go

# One build at a time. Where there is no flock, two at once both build, which is slow and right: what they build is
# moved into place whole.
if command -v flock >/dev/null; then
  exec 9>"$cache/.lock"
  if ! flock --nonblock 9; then
    say "waiting for another build of the control plane to end ..."
    flock 9
  fi
  if [[ -z "$(missing_in "$folder")" ]]; then
    printf '%s\n' "$folder"
    exit
  fi
  # With the lock held nobody else is building: these are of builds that were killed.
  rm -rf "$cache"/.building.*
fi

say "building etcd $etcd and Kubernetes $kubernetes into $folder"
say "this is done once, and takes about 7 minutes on two cores when Go has not built them before"

temporary="$(mktemp -d "$cache/.building.XXXXXX")"
trap 'rm -rf "$temporary"' EXIT

# Without a version the programs call themselves v0.0.0-master, and the version checks of clients go wrong. client-go
# has the same variables for the user agent.
IFS=. read -r major minor _ <<<"${kubernetes#v}"
stamp="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  stamp+=" -X $package.gitCommit=unknown -X $package.gitTreeState=clean"
done

build "$temporary" etcd etcd go.etcd.io/etcd/server/v3 "-s -w"
for program in kube-apiserver kube-controller-manager kubectl; do
  build "$temporary" "$program" kubernetes "k8s.io/kubernetes/cmd/$program" "$stamp"
done

# mktemp makes the folder for its owner only; another user of the machine may be pointed at it by KUBEBUILDER_ASSETS.
chmod 755 "$temporary"
# A folder that lacks a program is left from a hand that deleted it: what is whole replaces it.
if [[ -n "$(missing_in "$folder")" ]]; then
  rm -rf "$folder"
  mv "$temporary" "$folder"
fi
printf '%s\n' "$folder"
