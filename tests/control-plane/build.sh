#!/usr/bin/env bash
# Prints a folder that holds a control plane: programs that this machine has, or else programs built from source.
#
#   build.sh [PROGRAM...] [--beside COMMAND [ARGUMENT...]]
#
# PROGRAM is etcd, kube-apiserver, kube-controller-manager or kubectl; without one, all four are meant. --beside runs
# COMMAND while the programs are being built, and fails if either fails. The folder is the only line on stdout; all
# messages go to stderr.
#
# The script uses the first folder that holds all the named programs in versions that are new enough:
#   1. $KUBEBUILDER_ASSETS, the convention of controller-runtime's envtest
#   2. $MGNET_CACHE, else $XDG_CACHE_HOME/mgnet, else ~/.cache/mgnet: what this script built before
#   3. the store of setup-envtest, the newest version first; it has no kube-controller-manager
#   4. the folders of PATH
# Otherwise it builds them from the Go modules that go.mod and go.sum pin, for any platform that Go builds for.
set -euo pipefail

# Kubernetes 1.31 has everything that the CRDs use; etcd 3.5 is the oldest that it supports.
readonly kubernetes_minimum=1.31 etcd_minimum=3.5

# The EC2 SDK and Go's largest packages, compiled at the same time, take this much memory.
readonly mib_for_both=11000

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here

# Erases the progress bar of a command that runs beside, which does not end in a newline.
if [[ -t 2 ]]; then readonly line_start=$'\r\e[K'; else readonly line_start=''; fi

say() { printf '%scontrol-plane: %s\n' "$line_start" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Prints the named programs that folder $1 lacks.
missing_in() {
  local program
  for program in "${programs[@]}"; do
    if ! [[ -f "$1/$program" && -x "$1/$program" ]]; then printf ' %s' "$program"; fi
  done
}

# Prints the version of program $2 in folder $1, such as 1.37.2; nothing if the program does not run here.
version_in() {
  local arguments=(--version)
  [[ "$2" != kubectl ]] || arguments=(version --client)
  "$1/$2" "${arguments[@]}" </dev/null 2>/dev/null |
    awk 'match($0, /[0-9]+\.[0-9]+\.[0-9]+/) { print substr($0, RSTART, RLENGTH); exit }' || true
}

# Prints the named programs of folder $1 with their versions.
versions_in() {
  local program separator=''
  for program in "${programs[@]}"; do
    printf '%s %s %s' "$separator" "$program" "$(version_in "$1" "$program")"
    separator=,
  done
}

# Whether version $1 is $2 (MAJOR.MINOR) or newer.
at_least() {
  local major minor minimum_major minimum_minor
  IFS=. read -r major minor _ <<<"$1"
  IFS=. read -r minimum_major minimum_minor <<<"$2"
  ((major > minimum_major || (major == minimum_major && minor >= minimum_minor)))
}

# Prints why folder $1 cannot be used; nothing if it can.
flaw_of() {
  local missing program version minimum
  missing="$(missing_in "$1")"
  if [[ -n "$missing" ]]; then
    printf "it lacks%s" "$missing"
    return
  fi
  for program in "${programs[@]}"; do
    minimum="$kubernetes_minimum"
    [[ "$program" != etcd ]] || minimum="$etcd_minimum"
    version="$(version_in "$1" "$program")"
    if [[ -z "$version" ]]; then
      printf '%s does not print its version' "$program"
      return
    elif ! at_least "$version" "$minimum"; then
      printf '%s is version %s, but %s or newer is needed' "$program" "$version" "$minimum"
      return
    fi
  done
}

# Prints the folders of the envtest store for this platform, the newest version first.
envtest_folders() {
  local store platform
  store="${XDG_DATA_HOME:-${HOME:-}/.local/share}/kubebuilder-envtest/k8s"
  case "$(uname -s)" in
    Darwin)
      platform=darwin
      store="${HOME:-}/Library/Application Support/io.kubebuilder.envtest/k8s"
      ;;
    *) platform=linux ;;
  esac
  case "$(uname -m)" in
    x86_64) platform+=-amd64 ;;
    aarch64 | arm64) platform+=-arm64 ;;
    *) platform+="-$(uname -m)" ;;
  esac
  local folder version
  for folder in "$store"/*-"$platform"; do
    version="${folder##*/}"
    version="${version%-"$platform"}"
    if [[ -d "$folder" ]]; then printf '%s\t%s\n' "$version" "$folder"; fi
  done | sort -t. -k1,1nr -k2,2nr -k3,3nr | cut -f2-
}

# Collects the programs that PATH leads to as links in one folder, and prints it; nothing if PATH lacks one.
folder_of_path() {
  local folder="$cache/from-PATH" program found
  for program in "${programs[@]}"; do
    type -P "$program" >/dev/null || return 0
  done
  mkdir -p "$folder"
  for program in "${programs[@]}"; do
    found="$(type -P "$program")"
    if [[ "$(readlink "$folder/$program")" != "$found" ]]; then ln -sf "$found" "$folder/$program"; fi
  done
  printf '%s\n' "$folder"
}

# Prints the folder to use, if the programs are on this machine.
find_folder() {
  local folder flaw
  if [[ -n "${KUBEBUILDER_ASSETS:-}" ]]; then
    flaw="$(flaw_of "$KUBEBUILDER_ASSETS")"
    if [[ -z "$flaw" ]]; then
      (cd "$KUBEBUILDER_ASSETS" && pwd)
      return
    fi
    say "ignoring KUBEBUILDER_ASSETS='$KUBEBUILDER_ASSETS': $flaw"
  fi
  if [[ -z "$(missing_in "$built")" ]]; then
    printf '%s\n' "$built"
    return
  fi
  while IFS= read -r folder; do
    [[ -n "$folder" ]] || continue
    flaw="$(flaw_of "$folder")"
    if [[ -z "$flaw" ]]; then
      say "using$(versions_in "$folder") from '$folder'"
      printf '%s\n' "$folder"
      return
    fi
    # A store without kube-controller-manager is the usual case, and no reason for a message.
    [[ "$flaw" == 'it lacks'* ]] || say "ignoring '$folder': $flaw"
  done < <(
    envtest_folders
    folder_of_path
  )
}

# Prints the version of module $1 in go.mod. Read as text, so that a filled cache needs no Go on the machine.
pinned() {
  local version
  version="$(awk -v module="$1" '
    $1 == "require" { sub(/^require[ \t]+/, "") }
    $1 == module && $2 ~ /^v[0-9]/ { print $2; exit }' "$here/go.mod")"
  [[ -n "$version" ]] || fail "go.mod pins no $1"
  printf '%s\n' "$version"
}

require_go() {
  command -v go >/dev/null ||
    fail "Go 1.26 or newer is needed to build ${programs[*]}: install it from https://go.dev/doc/install, or set" \
      "KUBEBUILDER_ASSETS to a folder that holds these programs"
  # Reads no more than go.mod. An older Go fetches the version that go.mod asks for, or reports that it may not.
  (cd "$here" && GOWORK=off go list -m >/dev/null) ||
    fail "$(go version) cannot be used; install Go 1.26 or newer from https://go.dev/doc/install"
}

# Prints the package of a program.
package_of() {
  case "$1" in
    etcd) printf 'go.etcd.io/etcd/server/v3' ;;
    *) printf 'k8s.io/kubernetes/cmd/%s' "$1" ;;
  esac
}

# Runs go in the folder of go.mod. CGO_ENABLED=0: no C compiler is needed, and the result runs on any Linux.
# GOWORK=off: a go.work in a folder above must not replace the pinned modules. nice: the command beside takes longer, and
# a background build should not slow down interactive work on the machine.
run_go() { (cd "$here" && CGO_ENABLED=0 GOWORK=off nice -n 10 go "$@"); }

# Builds the named programs that $built lacks. One `go build` for all of them: they share three quarters of their
# packages, and both cores stay busy while a large package is compiled or a program is linked.
build() {
  local missing program package total began=$SECONDS
  if command -v flock >/dev/null; then
    # One build at a time. Where there is no flock, two at once both build, which is slow but correct: every program
    # is moved into place whole.
    exec 9>"$cache/.lock"
    if ! flock --nonblock 9; then
      say "waiting for another build of the control plane to end"
      flock 9
    fi
    # With the lock held, nothing else builds: these folders belong to builds that were killed.
    rm -rf "$cache"/.building.*
  fi
  missing="$(missing_in "$built")"
  [[ -n "$missing" ]] || return 0

  local packages=()
  for program in $missing; do packages+=("$(package_of "$program")"); done
  say "fetching the sources of etcd $etcd and Kubernetes $kubernetes, about 200 MB, unless Go has them"
  total="$(run_go list -deps "${packages[@]}" 2> >(grep -v '^go: downloading' >&2) | wc -l)"
  say "compiling$missing (up to $((total)) packages); this usually takes 5 to 7 minutes on two cores and is done once"

  temporary="$(mktemp -d "$cache/.building.XXXXXX")"
  trap 'rm -rf "$temporary"' EXIT
  run_go build -v -p "$(parallel_compilers)" -trimpath -buildvcs=false -gcflags=all=-dwarf=false \
    -ldflags "$linker_flags" -o "$temporary/" "${packages[@]}" 2>&1 |
    awk -v total="$((total))" -v start="$line_start" '
      # -v prints the path of each package that is compiled; every other line is a message.
      /^[^ :]+$/ {
        if (++compiled % 400 == 0) printf "%scontrol-plane: compiled %d of %d packages\n", start, compiled, total
        fflush()
        next
      }
      /^go: downloading/ { next }
      { print start $0; fflush() }' >&2 || fail "go build failed; its messages are above"
  if [[ -f "$temporary/server" ]]; then mv "$temporary/server" "$temporary/etcd"; fi
  mkdir -p "$built"
  mv "$temporary"/* "$built/"
  say "built$missing in $((SECONDS - began)) s"
}

# Prints the MiB of memory that are free for programs; a large number where the kernel does not report it.
free_mib() {
  if [[ -r /proc/meminfo ]]; then
    awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo
  else
    printf '999999\n'
  fi
}

# Prints how many packages to compile at the same time: one per core, but each takes up to a gigabyte of memory.
parallel_compilers() {
  local cores
  cores="$(getconf _NPROCESSORS_ONLN)"
  printf '%s\n' $((cores < 4 ? cores : 4))
}

programs=()
beside=()
while (($# > 0)); do
  case "$1" in
    etcd | kube-apiserver | kube-controller-manager | kubectl) programs+=("$1") ;;
    --beside)
      shift
      beside=("$@")
      break
      ;;
    *) fail "there is no program '$1'; the programs are etcd, kube-apiserver, kube-controller-manager and kubectl" ;;
  esac
  shift
done
((${#programs[@]} > 0)) || programs=(etcd kube-apiserver kube-controller-manager kubectl)

kubernetes="$(pinned k8s.io/kubernetes)"
etcd="$(pinned go.etcd.io/etcd/server/v3)"
cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/control-plane"
mkdir -p "$cache"
cache="$(cd "$cache" && pwd)"
built="$cache/$kubernetes-$etcd"

folder="$(find_folder)"
if [[ -n "$folder" ]]; then
  ((${#beside[@]} == 0)) || "${beside[@]}" >&2
  printf '%s\n' "$folder"
  exit
fi

require_go

# Without a version the programs report v0.0.0-master, and the version checks of clients fail. client-go has the same
# variables for the user agent.
IFS=. read -r major minor _ <<<"${kubernetes#v}"
linker_flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  linker_flags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  linker_flags+=" -X $package.gitCommit=unknown -X $package.gitTreeState=clean"
done

if ((${#beside[@]} == 0)); then
  build
elif (($(free_mib) < mib_for_both)); then
  say "less than $((mib_for_both / 1000)) GB of memory are free: building one part after the other"
  build
  "${beside[@]}" >&2
else
  # A process group of its own, so that all of the build ends with this script. The command stays in ours, where Ctrl-C
  # reaches it.
  set -m
  build </dev/null &
  builder=$!
  set +m
  trap 'kill -- "-$builder" 2>/dev/null || true' EXIT
  "${beside[@]}" >&2
  wait "$builder" || fail "the control plane was not built; its messages are above"
  trap - EXIT
fi
printf '%s\n' "$built"
