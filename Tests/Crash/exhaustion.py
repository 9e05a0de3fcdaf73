"""Holds that a crash is called lack of memory only if an allocation failed just before: any other fault stays a crash."""

import pathlib
import shutil
import signal
import subprocess
import tempfile

from common import ROOT, faults, finish, skip

SOURCES = ROOT / "Sources/CSegProcess"


def main():
    if shutil.which("cc") is None:
        skip("cc is not there; crashes after a failed allocation were not tried")
        finish("exhaustion")
    with tempfile.TemporaryDirectory(prefix="medseg-exhaustion-") as place:
        program = pathlib.Path(place) / "exhaust"
        here = pathlib.Path(__file__).with_name("exhaust.c")
        subprocess.run(
            ["cc", "-O2", "-I", SOURCES / "include", here, SOURCES / "exhaustion.c", "-o", program], check=True)
        for number in (signal.SIGTRAP, signal.SIGILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS):
            for allocations, wanted in [(0, 70), (20, 70), (1000, -number)]:
                outcome = subprocess.run([program, str(allocations), str(int(number))], capture_output=True, text=True)
                title = f"{number.name} {allocations} allocations after one failed"
                faults.check(outcome.returncode == wanted, f"{title}: {outcome.returncode}, not {wanted}")
                faults.check(("out of memory" in outcome.stderr) == (wanted == 70), f"{title}: {outcome.stderr}")
    finish("exhaustion")


if __name__ == "__main__":
    main()
