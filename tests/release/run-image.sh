#!/usr/bin/env bash
# Runs the operator from its image in place of the binary, as a lab starts it. The container gets the rights that deploy/base
# gives it: no capability, no new privileges, a root file system that cannot be written, and 128 MiB of memory.
#
# MGNET_TEST_STORAGE is the folder of podman's storage, MGNET_TEST_IMAGE the image in it, MGNET_TEST_USER a user other than
# that of the image. The variables of AWS and the kubeconfig are passed on.
set -euo pipefail

storage="${MGNET_TEST_STORAGE:?set MGNET_TEST_STORAGE}"
user=()
[[ -z "${MGNET_TEST_USER:-}" ]] || user=(--user "$MGNET_TEST_USER")
# Only root can read the token of a lab; the user of a pod can read the token that the kubelet projects.
kubeconfig="$storage/kubeconfig"
install -m 644 "${KUBECONFIG:?set KUBECONFIG}" "$kubeconfig"
variables=()
while IFS= read -r name; do variables+=(--env "$name"); done < <(compgen -e | grep -E '^(AWS_|POD_)')
# runc and cgroupfs: crun and systemd are not available in all containers in which tests run. The limits of podman may exceed
# those of the machine.
exec podman --root "$storage/storage" --runroot "$storage/run" --storage-driver vfs --runtime runc --cgroup-manager cgroupfs \
  run --rm --pull never --network host --memory 128m --read-only --read-only-tmpfs=false --cap-drop all \
  --security-opt no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "${user[@]}" "${variables[@]}" \
  --env KUBECONFIG=/kubeconfig --volume "$kubeconfig:/kubeconfig:ro" "${MGNET_TEST_IMAGE:?set MGNET_TEST_IMAGE}" "$@"
