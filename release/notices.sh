#!/usr/bin/env bash
# Writes the licenses of all crates in the binary, which go with every copy of it: in the image, and in each archive.
#
#   notices.sh [--quick] [FILE]
#
# FILE is target/third-party.txt by default. cargo-about reads the licenses from the sources of the crates, without network.
# It fails if a crate has a license that release/about.toml does not accept. It searches all files, which takes 4 minutes,
# because some files have notices of their own; --quick reads only the files near the top of each crate, for tests.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.."
command -v cargo-about >/dev/null || {
  echo "notices: cargo-about is missing; 'make release-tools' installs it" >&2
  exit 1
}
configuration=release/about.toml
if [[ "${1:-}" == --quick ]]; then
  configuration="$(mktemp --suffix .toml)"
  trap 'rm -f "$configuration"' EXIT
  { echo 'max-depth = 2' && cat release/about.toml; } >"$configuration"
  shift
fi
file="${1:-${CARGO_TARGET_DIR:-target}/third-party.txt}"
mkdir -p "$(dirname "$file")"
cargo fetch --locked --quiet
cargo about generate --fail --offline --locked --manifest-path Cargo.toml --config "$configuration" \
  --output-file "$file" release/third-party.hbs
printf '%s\n' "$file"
