#!/usr/bin/env bash
# Builds the DocC catalogues of the library products from the modules of the release build, and fails on a warning, such as a
# link to a declaration that does not exist. `make docs` builds what it needs; the archives are left in .build/docc.
set -euo pipefail
cd "$(dirname "$0")/../.."
modules=$(swift build -c release --show-bin-path)
archives=.build/docc
rm -rf "$archives"
mkdir -p "$archives"
faults=0

# The C modules that the Swift modules import, each by the map that the build used.
maps=()
for map in Sources/*/module.modulemap Sources/*/include/module.modulemap "$modules"/*.build/module.modulemap \
    .build/checkouts/*/Sources/*/include/module.modulemap; do
    [ -f "$map" ] && maps+=(-Xcc "-fmodule-map-file=$map")
done

for catalogue in Sources/*/*.docc; do
    product=$(basename "$catalogue" .docc)
    graphs=$archives/$product.graphs
    mkdir -p "$graphs"
    swift symbolgraph-extract -module-name "$product" -I "$modules/Modules" "${maps[@]}" -output-dir "$graphs" \
        -target "$(uname -m)-unknown-linux-gnu" -minimum-access-level public -skip-inherited-docs
    docc convert "$catalogue" --additional-symbol-graph-dir "$graphs" --output-path "$archives/$product.doccarchive" \
        --fallback-display-name "$product" --fallback-bundle-identifier "$product" &>"$graphs/words.txt" ||
        { cat "$graphs/words.txt" >&2; exit 1; }
    # A parameter whose name says everything needs no sentence.
    strays=$(awk -v RS= -v ORS='\n\n' '/^warning: / && !/is missing documentation/' "$graphs/words.txt")
    [ -z "$strays" ] || { printf 'docs: %s\n%s\n' "$product" "$strays" >&2; faults=1; }
    rm -r "$graphs"
done
[ "$faults" = 0 ] || exit 1
echo "docs: $(ls "$archives" | wc -l) catalogues in $archives"
