#!/usr/bin/env bash
# Installs the programs of the tests of releases that are not in PATH, and prints their versions: on Debian and Ubuntu from
# packages, if the user is root. The last line is the folder of the linters, which come from PyPI.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here

"$here/../tools/packages.sh" "the tests of releases" buildah=buildah podman=podman runc=runc skopeo=skopeo umoci=umoci jq=jq \
  curl=curl dpkg-deb=dpkg readelf=binutils shellcheck=shellcheck python3=python3-venv

linters="$("$here/../tools/python.sh" "$here")"

buildah --version
podman --version
runc --version | sed -n 1p
skopeo --version
umoci --version | sed -n 1p
for linter in zizmor hadolint; do "$linters/$linter" --version; done
printf '%s\n' "$linters"
