#!/bin/sh
# Leaves what PACKAGE needs at run time in FOLDER: its own output, that of the packages below it, and their production dependencies.
set -eu
package=$1
folder=$2
npm ci --omit=dev --ignore-scripts --no-audit --no-fund --workspace="$package" >&2
mkdir -p "$folder"
cp -R node_modules "$folder/"
for each in crds identity audit "$package"; do
  mkdir -p "$folder/$each"
  cp -R "$each/package.json" "$each/dist" "$folder/$each/"
done
# Links to packages that are not part of the image lead nowhere.
find "$folder/node_modules" -xtype l -delete
find "$folder" \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.test.js' -o -name '.tsbuildinfo' \) -delete
