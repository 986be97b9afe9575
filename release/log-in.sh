#!/usr/bin/env bash
# Logs in to a registry, for skopeo, helm, cosign and the actions that push attestations: all read docker's configuration.
#
#   log-in.sh [--dry-run] REGISTRY
#
# $REGISTRY_USER and $REGISTRY_PASSWORD are the credentials. --dry-run prints the command.
set -euo pipefail

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
registry="${1:?usage: log-in.sh [--dry-run] REGISTRY}"
command=(docker login --username "${REGISTRY_USER:?set REGISTRY_USER}" --password-stdin "$registry")
if [[ "$dry_run" == true ]]; then
  printf '%s\n' "${command[*]}"
else
  "${command[@]}" <<<"${REGISTRY_PASSWORD:?set REGISTRY_PASSWORD}"
fi
