#!/usr/bin/env bash
# Prints the notes of a release: its section of CHANGELOG.md.
#
#   notes.sh VERSION
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
version="${1:?usage: notes.sh VERSION}"
notes="$(awk -v heading="## [$version]" '
  index($0, heading) == 1 { inside = 1; next }
  inside && (/^## / || /^\[.*\]: /) { exit }
  inside { print }' CHANGELOG.md | sed -e '/./,$!d')"
[[ -n "$notes" ]] || {
  echo "notes: CHANGELOG.md has no section for version '$version'" >&2
  exit 1
}
printf '%s\n' "$notes"
