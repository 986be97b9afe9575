#!/usr/bin/env bash
# Installs Chromium, unless it is in PATH, and one version of Mermaid from npm into $MGNET_CACHE, else $XDG_CACHE_HOME/mgnet,
# else ~/.cache/mgnet. The last line is the path of Mermaid's script for browsers.
set -euo pipefail

readonly version=12.3.0 digest=336df803d87a38b70a01e736e666c8f7601d2ce42f5e47c8fafe5d721074b9a3
"$(dirname "${BASH_SOURCE[0]}")/../tools/packages.sh" "the tests of pictures" chromium=chromium npm=npm
cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/mermaid"
script="$cache/mermaid-$version.min.js"
if [[ ! -f "$script" ]]; then
  mkdir -p "$cache"
  temporary="$(mktemp -d "$cache/.unpacking.XXXXXX")"
  trap 'rm -rf "$temporary"' EXIT
  (cd "$temporary" && npm pack --silent "mermaid@$version" >&2 && tar -xzf "mermaid-$version.tgz" package/dist/mermaid.min.js)
  sha256sum --check --quiet <<<"$digest  $temporary/package/dist/mermaid.min.js" >&2
  mv "$temporary/package/dist/mermaid.min.js" "$script"
fi
chromium --version
echo "$script"
