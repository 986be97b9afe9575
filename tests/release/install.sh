#!/usr/bin/env bash
# Installs the programs of the tests of releases that are not in PATH, and prints their versions: on Debian and Ubuntu from
# packages, if the user is root. The linters from PyPI go into a virtual environment in $MGNET_CACHE, else
# $XDG_CACHE_HOME/mgnet, else ~/.cache/mgnet. The last line is the folder of their programs.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here

"$here/../tools/packages.sh" "the tests of releases" buildah=buildah podman=podman runc=runc skopeo=skopeo umoci=umoci jq=jq \
  curl=curl dpkg-deb=dpkg readelf=binutils shellcheck=shellcheck python3=python3-venv

cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/tools"
linters="$cache/linters-$(cksum <"$here/requirements.txt" | cut -d ' ' -f 1)"
if [[ ! -d "$linters" ]]; then
  mkdir -p "$cache"
  rm -rf "$linters.partial"
  python3 -m venv "$linters.partial" >&2
  "$linters.partial/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  mv "$linters.partial" "$linters"
fi

buildah --version
podman --version
runc --version | head -n 1
skopeo --version
umoci --version | head -n 1
for linter in zizmor hadolint; do "$linters/bin/$linter" --version; done
printf '%s\n' "$linters/bin"
