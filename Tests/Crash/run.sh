#!/usr/bin/env bash
# Kills the commands and the server, fills their disks, cuts the power in a model of it, and refuses them memory.
# CRASH_KILLS=300 kills 300 times, CRASH_ORDER=all opens every state that a power cut may leave.
set -euo pipefail
cd "$(dirname "$0")"
status=0
for part in exhaustion order kills commands; do
  PYTHONDONTWRITEBYTECODE=1 python3 $part.py || status=1
done
exit $status
