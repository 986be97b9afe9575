#!/usr/bin/env bash
# Installs the DNS servers and the Markdown parser that the tests of exports run, unless they are in PATH, and prints the
# versions. The tests need root.
set -euo pipefail

"$(dirname "${BASH_SOURCE[0]}")/../tools/packages.sh" "the tests of exports" named=bind9 dig=bind9-dnsutils unbound=unbound \
  dnsmasq=dnsmasq-base ip=iproute2 unshare=util-linux markdown-it=python3-markdown-it
named -v
unbound -V | head -n 1
dnsmasq --version | head -n 1
