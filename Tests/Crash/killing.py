"""How many kills there are, and how a process is killed.

CRASH_KILLS says how many kills there are in all; CRASH_SECONDS how long each part may take at most.
"""

import os
import pathlib
import random
import signal
import subprocess
import time

from common import faults

KILLS = int(os.environ.get("CRASH_KILLS", "40"))
SECONDS = float(os.environ.get("CRASH_SECONDS", "40" if KILLS <= 40 else "1200"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
random.seed(SEED)


def share(part):
    return max(2, round(KILLS * part))


def catches_termination(process):
    """Whether a process has taken over SIGTERM, which it does before anything else."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigCgt", "SigIgn"))]
    return any(mask & (1 << 14) for mask in masks)


def end(process, wait):
    """Kills a process after a while, two times of three by force; whether it was still there."""
    try:
        process.wait(wait)
        return False
    except subprocess.TimeoutExpired:
        pass
    if random.random() < 0.33:
        while process.poll() is None and not catches_termination(process):
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        # A step or a case of a validation may have to end first.
        process.wait(60)
        faults.check(process.returncode in (143, 0), f"SIGTERM ended with {process.returncode}")
    else:
        process.kill()
        process.wait()
    return True
