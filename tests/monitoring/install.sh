#!/usr/bin/env bash
# Installs Prometheus and promtool, unless they are in PATH: on Debian and Ubuntu from their packages, if the user is root.
# Elsewhere it fails and says what to install. Prints the version.
set -euo pipefail

if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
  if ! command -v apt-get >/dev/null || [[ $(id -u) -ne 0 ]]; then
    echo "make: the tests of the alerts need 'prometheus' and 'promtool' in PATH; install Prometheus (Debian and Ubuntu:" \
      "apt-get install prometheus; macOS: brew install prometheus)" >&2
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
  apt-get install -y -qq --no-install-recommends prometheus >/dev/null
fi
promtool --version 2>&1 | head -n 1
