#!/usr/bin/env bash
# Runs the life of a release of the chart with the operator in its image: install, Tokyo Ready, upgrade, uninstall, install
# again (`tests/chart/with_helm/released.rs`).
#
#   chart-from-image.sh PARTS
#
# PARTS is the folder that `make release-parts` fills. The image is in a storage of podman that exists for this run only.
set -euo pipefail

(($# == 1)) || {
  echo "usage: chart-from-image.sh PARTS" >&2
  exit 1
}
parts="$(cd "$1" && pwd)"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
storage="$(mktemp -d)"
in_storage=(podman --root "$storage/storage" --runroot "$storage/run" --storage-driver vfs --runtime runc
  --cgroup-manager cgroupfs)
trap '"${in_storage[@]}" rm --all --force --time 1 >/dev/null 2>&1 || true; rm -rf "$storage"' EXIT

version="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
deploy/image/build.sh --notices "$parts/third-party.txt" --output "$storage/image" "amd64=$parts/mgnet" >/dev/null
skopeo copy --quiet "oci:$storage/image:$version" \
  "containers-storage:[vfs@$storage/storage+$storage/run]localhost/mgnet:test"
MGNET_TEST_PROGRAM="$PWD/tests/release/run-image.sh" MGNET_TEST_STORAGE="$storage" MGNET_TEST_IMAGE=localhost/mgnet:test \
  cargo test --workspace --test chart -- --exact \
  with_helm::released::a_release_is_installed_upgraded_uninstalled_and_installed_again
