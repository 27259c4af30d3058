#!/usr/bin/env bash
# namespace.sh [-o FOLDER]... COMMAND...: runs COMMAND as root in a throw-away copy of this machine.
#
# The copy is an overlay over / whose upper half is memory, in mount, pid, ipc, uts and network namespaces of its own; pivot_root
# keeps the real / out of reach, also for what makes mount namespaces itself. Writes vanish with the last process, except below the
# folders given with -o. NAMESPACE_SIZE bounds the memory; NAMESPACE_NET=host keeps the network.
set -euo pipefail
kept=()
while [ "${1:-}" = -o ]; do
  kept+=("$(realpath "$2")")
  shift 2
done
base=$(mktemp -d /tmp/namespace.XXXXXX)
trap 'rmdir "$base" 2>/dev/null || true' EXIT
export NS_BASE=$base NS_FOLDER=$PWD NS_KEPT="${kept[*]:-}" NS_SIZE=${NAMESPACE_SIZE:-8g}
net=(--net)
[ "${NAMESPACE_NET:-}" = host ] && net=()
unshare --mount --propagation private --pid --fork --kill-child --ipc --uts --cgroup "${net[@]}" -- bash -ec '
  mount -t tmpfs -o "size=$NS_SIZE,mode=755" tmpfs "$NS_BASE"
  cd "$NS_BASE"
  mkdir upper work machine
  mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work machine
  cd machine
  mount -t proc proc proc
  mount --rbind /dev dev
  mount --rbind /sys sys
  mount -t tmpfs -o mode=755 tmpfs run
  for folder in $NS_KEPT; do
    mkdir -p ".$folder"
    mount --bind "$folder" ".$folder"
  done
  mkdir .before
  pivot_root . .before
  umount -l .before
  rmdir .before
  ip link set lo up 2>/dev/null || true
  exec /usr/bin/env -C "$NS_FOLDER" -u NS_BASE -u NS_FOLDER -u NS_KEPT -u NS_SIZE "$@"
' namespace "$@"
