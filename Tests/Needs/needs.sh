# Sourced by scripts that skip where a package or a program is missing.
#
# missing WHAT CONSEQUENCE: says so, and ends the script with 1 where MEDSEG_REQUIRE=1; else returns.
missing() {
    echo "##" >&2
    echo "## SKIPPED: $1 is missing; $2" >&2
    echo "##" >&2
    [ "${MEDSEG_REQUIRE:-}" != 1 ] || { echo "MEDSEG_REQUIRE=1 makes this a failure" >&2; exit 1; }
}
