#!/usr/bin/env bash
# Installs the packages of Python that read exports, and prints the folder of their programs. They go into a virtual environment
# in $MGNET_CACHE, else $XDG_CACHE_HOME/mgnet, else ~/.cache/mgnet. ansible-core 2.19 needs Python 3.11 or later.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/tools"
readers="$cache/hand-off-$(cksum <"$here/requirements.txt" | cut -d ' ' -f 1)"
# The programs contain the path of the environment, so that it cannot be moved when it is complete.
if [[ ! -e "$readers/complete" ]]; then
  rm -rf "$readers"
  mkdir -p "$cache"
  python3 -m venv "$readers" >&2
  "$readers/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  touch "$readers/complete"
fi
printf '%s\n' "$readers/bin"
