#!/usr/bin/env bash
# Signs images and charts with cosign by the identity of the workflow, without a key.
#
#   sign.sh [--dry-run] NAME@DIGEST...
#
# docs/image.md describes how users verify the signatures. --dry-run prints the commands.
set -euo pipefail

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
(($# > 0)) || {
  echo "sign: usage: sign.sh [--dry-run] NAME@DIGEST..." >&2
  exit 1
}
for image in "$@"; do
  # A tag can move between the push and the signature; a digest cannot.
  [[ "$image" =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] || {
    echo "sign: '$image' has no digest; only NAME@sha256:... is signed" >&2
    exit 1
  }
done
for image in "$@"; do
  command=(cosign sign --yes --recursive "$image")
  if [[ "$dry_run" == true ]]; then printf '%s\n' "${command[*]}"; else "${command[@]}"; fi
done
