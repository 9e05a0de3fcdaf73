#!/usr/bin/env bash
# Kills train, predict, data import, data prepare and the server, fills their disks and cuts the power in a model of it.
# CRASH_KILLS=300 kills 300 times.
set -euo pipefail
cd "$(dirname "$0")"
status=0
PYTHONDONTWRITEBYTECODE=1 python3 order.py || status=1
PYTHONDONTWRITEBYTECODE=1 python3 kills.py || status=1
exit $status
