#!/usr/bin/env bash
# Installs what the build of a release needs on a runner with macOS: Rust in the version of Cargo.toml, and GNU tar.
#
#   prepare-macos.sh [--dry-run]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true; fi
run() { if [[ "$dry_run" == true ]]; then printf '%s\n' "$*"; else "$@"; fi; }
rust="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)"
run brew install --quiet gnu-tar jq
run rustup toolchain install "$rust" --profile minimal
run rustup default "$rust"
