#!/usr/bin/env bash
# Builds the documentation site with mdBook, and prints the folder that holds it.
#
#   site.sh [--output FOLDER]
#
# mdBook takes pages from one folder only, but docs/SUMMARY.md also lists README.md and other files beside docs. So the
# pages, and the files that they link to, are first copied into a folder with the same structure as the repository:
# relative links work on the site as they do on a forge. FOLDER is target/site/book by default.
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly repository

fail() {
  printf 'site: %s\n' "$*" >&2
  exit 1
}

target="${CARGO_TARGET_DIR:-$repository/target}"
mkdir -p "$target"
target="$(cd "$target" && pwd)"
output="$target/site/book"
case "${1:-}" in
  '') ;;
  --output) output="$(realpath -m "${2:?site: --output needs a folder}")" ;;
  *) fail "usage: site.sh [--output FOLDER]" ;;
esac
command -v mdbook >/dev/null || fail "mdbook is missing; 'make docs' installs it"

# Prints the targets of the links in a Markdown file that are paths, relative to the top of the repository.
linked_files() {
  { grep -oE '\]\([^)# ]+' "$1" || true; } | sed 's/^](//' | { grep -v '://' || true; } | while IFS= read -r link; do
    realpath -m --relative-to . "$(dirname "$1")/$link"
  done
}

cd "$repository"
staged="$target/site/staged"
rm -rf "$staged" "$output"
mkdir -p "$staged/src"
cp docs/book.toml "$staged/book.toml"
mapfile -t pages < <(linked_files docs/SUMMARY.md)
for page in "${pages[@]}"; do
  [[ -f "$page" ]] || fail "docs/SUMMARY.md lists '$page', which does not exist"
  while IFS= read -r file; do
    # A link to a folder leads to its README.md, which is a page.
    if [[ -f "$file" ]]; then cp --parents "$file" "$staged/src/"; fi
  done < <(printf '%s\n' "$page" && linked_files "$page")
done
# In the copy, SUMMARY.md is at the top: its links lose the way up, or gain the folder.
sed -E 's#\]\(\.\./#](/#; t; s#\]\(#](docs/#' docs/SUMMARY.md | sed 's#\](/#](#' >"$staged/src/SUMMARY.md"
# mdBook renders README.md as index.html, but leaves links to it alone.
find "$staged/src" -name '*.md' ! -path "$staged/src/SUMMARY.md" -exec \
  sed -E -i 's#\]\(([^)\#]*/)?README\.md#](\1index.md#g' {} +
mdbook build "$staged" --dest-dir "$output" >&2
printf '%s\n' "$output"
