#!/usr/bin/env bash
# The first process of a node's namespaces: makes its mounts, then reaps what is orphaned until it is killed.
# Arguments: the folder that is the node's disk, the node's name.
set -euo pipefail
disk=$1
hostname "$2"

mount --make-rshared /
mkdir -p "$disk"/{lib,log,proc}
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind "$disk/lib" /var/lib
mount --bind "$disk/log" /var/log

# Kubelet and Cilium insist on these, which are the whole machine's. They find what they want, and the machine stays as it is.
setting() {
  local file="$disk/proc/${1//\//-}"
  [ -e "/proc/sys/$1" ] || return 0
  echo "$2" > "$file"
  mount --bind "$file" "/proc/sys/$1"
}
setting vm/overcommit_memory 1
setting vm/panic_on_oom 0
setting kernel/panic 10
setting kernel/panic_on_oops 1
setting kernel/unprivileged_bpf_disabled 1
setting kernel/timer_migration 0

# The node's own BPF file system, and the version 2 cgroup hierarchy where Cilium looks for it.
while mountpoint -q /sys/fs/bpf; do umount /sys/fs/bpf; done
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/cilium/cgroupv2
mount -t cgroup2 cgroup2 /run/cilium/cgroupv2

echo > "$disk/mounted"
# Waiting for a child also reaps the orphans that became children.
while true; do
  sleep 3600 &
  wait $!
done
