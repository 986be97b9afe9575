#!/usr/bin/env bash
# Plays random schedules in search of broken promises until the time has passed. `make test-full` tries the failures that can be
# enumerated.
#
#   soak.sh [--dry-run] MINUTES
#
# The first seed follows from the date, so that each night plays schedules that no night before has played. A failure prints
# its seed, by which it can be repeated. --dry-run prints the commands of the first round.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

dry_run=false
if [[ "${1:-}" == --dry-run ]]; then dry_run=true && shift; fi
[[ "${1:-}" =~ ^[0-9]+$ ]] || {
  echo "soak: usage: soak.sh [--dry-run] MINUTES" >&2
  exit 1
}
# No night can play as many schedules as there are seeds for a day.
readonly minutes="$1" schedules=20000 seeds_per_day=10000000
seed=$((($(date +%s) / 86400) * seeds_per_day))
run() { if [[ "$dry_run" == true ]]; then printf '%s\n' "$*"; else "$@"; fi; }
run cargo build --release --package simulation
end=$((SECONDS + minutes * 60))
while ((SECONDS < end)); do
  run "${CARGO_TARGET_DIR:-target}/release/simulation" --schedules "$schedules" --seed "$seed"
  if [[ "$dry_run" == true ]]; then exit; fi
  seed=$((seed + schedules))
done
