#!/usr/bin/env bash
# Installs the DNS servers that the tests of exports run, unless they are in PATH: on Debian and Ubuntu from their packages, if
# the user is root. Elsewhere it fails and says what to install. Prints the versions.
set -euo pipefail

missing=()
for program in named unbound dnsmasq dig ip unshare; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if ((${#missing[@]} > 0)); then
  if ! command -v apt-get >/dev/null || [[ $(id -u) -ne 0 ]]; then
    echo "make: the tests of exports need ${missing[*]} in PATH, and root (Debian and Ubuntu: apt-get install bind9 bind9-dnsutils" \
      "unbound dnsmasq-base dns-root-data iproute2)" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  # The packages would start their servers, which the tests do not need.
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends bind9 bind9-dnsutils unbound dnsmasq-base dns-root-data iproute2 >/dev/null
fi
named -v
unbound -V | head -n 1
dnsmasq --version | head -n 1
