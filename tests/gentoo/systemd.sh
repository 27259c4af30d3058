#!/usr/bin/env bash
# systemd.sh STAGE: the units under real systemd, which is process 1 of a throw-away copy of this machine. STAGE is a folder made by
# postfix-installer install --root. Needs a machine whose cgroup hierarchy has a name=systemd mount or is a cgroup2 one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
stage=$(realpath "${1:?usage: systemd.sh STAGE}")
out=$(mktemp -d /tmp/systemd-test.XXXXXX)
base=$(mktemp -d /tmp/namespace.XXXXXX)
version=v2
group=/sys/fs/cgroup/postfix-rs-test.$$
if [ -d /sys/fs/cgroup/systemd ]; then
  version=v1
  group=/sys/fs/cgroup/systemd/postfix-rs-test.$$
fi
mkdir "$group"
leave() {
  rmdir "$base" 2>/dev/null || true
  find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  rm -rf "$out"
}
trap leave EXIT
export NS_BASE=$base NS_OUT=$out NS_STAGE=$stage NS_HERE=$here NS_VERSION=$version
(
  echo "$BASHPID" > "$group/cgroup.procs"
  exec timeout -s KILL 120 unshare --mount --propagation private --pid --fork --kill-child --ipc --uts --cgroup --net -- bash -ec '
    mount -t tmpfs -o mode=755,size=4g tmpfs "$NS_BASE"
    cd "$NS_BASE"
    mkdir upper work machine
    mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work machine
    cd machine
    mount -t proc proc proc
    mount --bind proc/sys proc/sys
    mount -o remount,ro,bind proc/sys
    mount -t sysfs -o ro sysfs sys
    if [ "$NS_VERSION" = v1 ]; then
      mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
      mkdir sys/fs/cgroup/systemd
      mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    else
      mount -t cgroup2 cgroup2 sys/fs/cgroup
    fi
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in null zero full random urandom tty; do
      touch dev/$device
      mount --bind /dev/$device dev/$device
    done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    mount -t tmpfs tmpfs dev/shm
    mount -t tmpfs -o mode=755 tmpfs run
    mkdir -p out stage test units
    mount --bind "$NS_OUT" out
    mount --bind "$NS_STAGE" stage
    mount --bind "$NS_HERE" test
    mount --bind "$NS_HERE/../../systemd" units
    mount -t tmpfs -o mode=1777 tmpfs tmp
    rm -rf etc/systemd/system/*.wants
    : > etc/fstab
    : > etc/machine-id
    printf "%s\n" "[Unit]" "Description=the test" "[Service]" Type=oneshot \
      "Environment=PATH=/usr/sbin:/usr/bin:/sbin:/bin" "ExecStart=/bin/bash /test/systemd-inside.sh" \
      "ExecStopPost=/bin/systemctl --no-block exit" StandardOutput=append:/out/log StandardError=inherit \
      > etc/systemd/system/the-test.service
    printf "%s\n" "[Unit]" "Requires=the-test.service" AllowIsolate=yes > etc/systemd/system/the-test.target
    ip link set lo up
    mkdir .before
    pivot_root . .before
    umount -l .before
    rmdir .before
    exec /usr/bin/env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system \
      --unit=the-test.target --log-target=console --log-level=notice --show-status=0
  ' > "$out/boot" 2>&1 < /dev/null
) || true
cat "$out/log" 2>/dev/null || { echo "the machine did not start:"; tail -20 "$out/boot"; }
[ "$(tail -1 "$out/log" 2>/dev/null)" = "0 failures" ]
