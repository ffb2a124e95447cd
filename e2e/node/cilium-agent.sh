#!/usr/bin/env bash
# Starts Cilium's agent (the arguments), in a mount namespace of its own where the kernel has no /proc/modules: one without
# loadable modules has them all built in, but the agent asks for the list. It then sees a /proc of links to the real one, and a list.
set -euo pipefail
[ -e /proc/modules ] && exec "$@"
real=/run/cilium/proc
shown=/run/cilium/proc-with-modules
if [ "${1:-}" != --mounted ]; then exec unshare --mount --propagation slave "$0" --mounted "$@"; fi
shift
mkdir -p "$real" "$shown"
mount --rbind /proc "$real"
mount -t tmpfs -o mode=755 tmpfs "$shown"
for entry in "$real"/*; do
  name=${entry##*/}
  [[ $name =~ ^[0-9]+$ ]] || ln -s "$entry" "$shown/$name"
done
# Its own folder by its number, which exec keeps, and the node's first process, by which it knows the node's network.
ln -s "$real/1" "$shown/1"
[ $$ -eq 1 ] || ln -s "$real/$$" "$shown/$$"
for module in ip_tables iptable_{nat,mangle,raw,filter} ip6_tables ip6table_{nat,mangle,raw,filter} xt_socket; do
  echo "$module 16384 0 - Live 0x0000000000000000"
done > "$shown/modules"
mount --bind "$shown" /proc
exec "$@"
