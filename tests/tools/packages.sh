#!/usr/bin/env bash
# Installs the Debian packages of programs that are not in PATH, if the user is root. Elsewhere it fails and says what to
# install. The packages start no servers. All messages go to stderr.
#
#   packages.sh PURPOSE PROGRAM=PACKAGE...
#
# PURPOSE names what needs the programs, such as 'the tests of the alerts'.
set -euo pipefail

readonly purpose="$1"
shift
missing=()
packages=()
for entry in "$@"; do
  command -v "${entry%%=*}" >/dev/null || missing+=("${entry%%=*}")
  packages+=("${entry#*=}")
done
((${#missing[@]} > 0)) || exit 0
if ! command -v apt-get >/dev/null || [[ $(id -u) -ne 0 ]]; then
  echo "make: $purpose need ${missing[*]} in PATH; install them (Debian and Ubuntu, as root: apt-get install" \
    "$(printf '%s\n' "${packages[@]}" | sort -u | paste -sd ' '))" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Packages of servers would start them.
if [[ ! -e /usr/sbin/policy-rc.d ]]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
fi
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
