#!/usr/bin/env bash
# Installs what the jobs need beyond the image of Rust on Debian 12, in which they run as root.
#
#   prepare.sh [--dry-run] [PACKAGE...]
#
# PACKAGE is a further package of Debian. --dry-run prints the commands.
set -euo pipefail

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
run() { if [[ "$dry_run" == true ]]; then printf '%s\n' "$*"; else "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
run apt-get update -qq
run apt-get install -y -qq --no-install-recommends jq "$@"
run rustup component add clippy rustfmt
# The checkout belongs to the user of the runner, and not to root.
run git config --global --add safe.directory "$PWD"
run rustc --version
