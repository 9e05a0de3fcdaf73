#!/usr/bin/env bash
# apt.sh PACKAGE…: installs Debian packages without starting a service. Run as root. One installation runs at a time.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
exec 9>/var/lock/medseg-apt.lock
flock 9
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
