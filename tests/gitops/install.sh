#!/usr/bin/env bash
# Installs redis and git, which the tests of Argo CD run, unless they are in PATH, and prints the versions.
set -euo pipefail

"$(dirname "${BASH_SOURCE[0]}")/../tools/packages.sh" "the tests of Argo CD" redis-server=redis-server git=git
redis-server --version
git --version
