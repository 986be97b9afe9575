#!/usr/bin/env bash
# Installs Prometheus and promtool, unless they are in PATH, and prints the version.
set -euo pipefail

"$(dirname "${BASH_SOURCE[0]}")/../tools/packages.sh" "the tests of the alerts" prometheus=prometheus promtool=prometheus
promtool --version 2>&1 | head -n 1
