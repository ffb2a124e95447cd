#!/bin/sh
# Prints the shared libraries that PROGRAMS are linked to, one path a line, as they stand below /usr: /lib is a link to /usr/lib in the images.
set -eu
for program in "$@"; do
  # A static program has none; ldd fails on it.
  ldd "$program" 2>/dev/null | sed -n -e 's/.*=> \(\/[^ ]*\) (.*/\1/p' -e 's/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' || true
done | sed -E 's#^/(lib[^/]*)/#/usr/\1/#' | LC_ALL=C sort -u
