#!/usr/bin/env bash
# Ops under AddressSanitizer with UndefinedBehaviorSanitizer and under ThreadSanitizer, and the readers of `make fuzz`
# under AddressSanitizer. Run by `make sanitize`; SANITIZE=subset takes a part of the cases and leaves out the readers.
set -euo pipefail
cd "$(dirname "$0")/../.."
part=${SANITIZE:-full}
case $part in
full) step=1 ;;
subset) step=6 ;;
*) echo "sanitize: SANITIZE should be full or subset, not '$part'" >&2; exit 64 ;;
esac

# ops NAME OPTION…: builds the op cases in a folder of their own and runs them.
ops() {
    local name=$1 begun=$SECONDS
    shift
    swift build -c release --product medseg-sanitize --scratch-path ".build/sanitize-$name" "$@"
    local built=$SECONDS
    ".build/sanitize-$name/release/medseg-sanitize" "$step"
    echo "sanitize: ops, $name: built in $((built - begun)) s, run in $((SECONDS - built)) s"
}

# A process that a sanitizer has ended would otherwise be examined by Swift's own debugger for a minute.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
# Swift traps by itself where C is undefined.
ops memory --sanitize address -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined
ops threads --sanitize thread

[ "$part" = full ] || exit 0
begun=$SECONDS
FUZZ_SANITIZE=address FUZZ_SECONDS=${FUZZ_SECONDS:-15} python3 Tests/Fuzz/run.py
echo "sanitize: readers under address: built and run in $((SECONDS - begun)) s"
