#!/usr/bin/env bash
# Makes sure that the named commands are there: installs Debian's packages for those that are missing, or says what to install.
set -euo pipefail
declare -A package=([psql]=postgresql-client [pgbench]=postgresql-contrib [curl]=curl [nft]=nftables [ip]=iproute2 [python3]=python3-venv
  [java]=default-jre-headless [javac]=default-jdk-headless [mvn]=maven [kcat]=kcat [nginx]=nginx-light [pgbouncer]=pgbouncer [wrk]=wrk [taskset]=util-linux
  [go]=golang-go [setpriv]=util-linux [flock]=util-linux [nsenter]=util-linux [ps]=procps [sysctl]=procps [ping]=iputils-ping [ss]=iproute2 [strace]=strace [openssl]=openssl [script]=bsdutils
  [containerd]=containerd [runc]=runc [/usr/lib/cni/loopback]=containernetworking-plugins [clang-16]=clang-16 [bpftool]=bpftool [iptables]=iptables)
export PATH="$PATH:/usr/sbin:/sbin:/usr/local/go/bin"
missing=()
for command in "$@"; do command -v "$command" >/dev/null || missing+=("${package[$command]:-$command}"); done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]} ..." >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "missing: install the packages ${missing[*]} (as root: apt-get install ${missing[*]}), then run this again" >&2
  exit 1
fi
