#!/usr/bin/env bash
# Installs redis and git, which the tests of Argo CD run, unless they are in PATH: on Debian and Ubuntu from their packages, if the
# user is root. Elsewhere it fails and says what to install. Prints the versions.
set -euo pipefail

if ! command -v redis-server >/dev/null || ! command -v git >/dev/null; then
  if ! command -v apt-get >/dev/null || [[ $(id -u) -ne 0 ]]; then
    echo "make: the tests of Argo CD need 'redis-server' and 'git' in PATH; install them (Debian and Ubuntu:" \
      "apt-get install redis-server git; macOS: brew install redis git)" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  # The package would start a server, which the tests do not need.
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends redis-server git >/dev/null
fi
redis-server --version
git --version
