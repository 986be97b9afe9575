#!/usr/bin/env bash
# Installs the programs that read exports in the tests, unless they are in PATH, and prints the versions. The tests need root.
set -euo pipefail

here="$(dirname "${BASH_SOURCE[0]}")"
"$here/../tools/packages.sh" "the tests of exports" named=bind9 dig=bind9-dnsutils unbound=unbound dnsmasq=dnsmasq-base ip=iproute2 \
  unshare=util-linux tinyproxy=tinyproxy-bin curl=curl openssl=openssl python3=python3-venv markdown-it=python3-markdown-it
named -v
unbound -V | sed -n 1p
dnsmasq --version | sed -n 1p
tinyproxy -v
curl --version | sed -n 1p
readers="$("$here/../tools/python.sh" "$here")"
"$readers/ansible-playbook" --version | sed -n 1p
"$readers/ansible-lint" --nocolor --version 2>/dev/null
