#!/usr/bin/env bash
# Installs the packages of Python that FOLDER/requirements.txt pins, unless they are installed, and prints the folder of their
# programs and of `python`. They go into a virtual environment in $MGNET_CACHE, else $XDG_CACHE_HOME/mgnet, else ~/.cache/mgnet.
#
#   python.sh FOLDER
set -euo pipefail

requirements="${1:?name the folder of a requirements.txt}/requirements.txt"
cache="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/tools"
environment="$cache/python-$(basename "$1")-$(cksum <"$requirements" | cut -d ' ' -f 1)"
mkdir -p "$cache"
# Tests run in parallel. Without `flock`, start them one after the other.
exec 9>"$environment.lock"
if command -v flock >/dev/null; then flock 9; fi
# The programs contain the path of the environment, so that it cannot be moved when it is complete.
if [[ ! -e "$environment/complete" ]]; then
  echo "make: installing the packages of $requirements; takes about a minute, once" >&2
  rm -rf "$environment"
  python3 -m venv "$environment" >&2
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
  touch "$environment/complete"
fi
printf '%s\n' "$environment/bin"
