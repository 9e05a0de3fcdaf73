"""Feeds every reader with mutated inputs, by libFuzzer, and prints what came of it. Run by `make fuzz`.

FUZZ_RUNS      inputs for each target (with it, FUZZ_SECONDS is 1200 unless it is set)
FUZZ_SECONDS   seconds for each target at most; 20 by default
FUZZ_TARGETS   names of targets; all by default
FUZZ_SANITIZE  a further sanitizer of the build, such as address
FUZZ_JOBS      targets that are fed at a time; by default as many as there are cores
FUZZ_KEEP=1    adds the inputs that reached new code to Tests/Fuzz/corpus, which the tests replay

Inputs that were a fault are in .build/fuzz-findings, under the name of their target; put each, shortened if need be,
into Tests/Fuzz/corpus once the fault is mended.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "Tests/Fuzz/corpus"
FINDINGS = ROOT / ".build/fuzz-findings"
# What is found in long runs and not committed; a later run begins with it.
GROWN = ROOT / ".build/fuzz-corpus"
SANITIZER = os.environ.get("FUZZ_SANITIZE")
BUILD = ROOT / ".build" / ("fuzz" if not SANITIZER else f"fuzz-{SANITIZER}")
PROGRAM = BUILD / "release/medseg-fuzz"
RUNS = int(os.environ.get("FUZZ_RUNS", 0))
SECONDS = int(os.environ.get("FUZZ_SECONDS", 1200 if RUNS else 20))
# A reader takes at most this long and this much memory, whatever comes. AddressSanitizer's shadow comes on top.
LONGEST_SECONDS = 5
MOST_MEGABYTES = 1024 if not SANITIZER else 3072
# A target that goes on failing says no more after so many faults.
MOST_FAULTS = 5


@dataclasses.dataclass
class Outcome:
    """What came of a target."""

    name: str
    inputs: int = 0
    seconds: float = 0
    faults: int = 0
    slowest: int = 0
    peak: int = 0
    coverage: int = 0
    reasons: list = dataclasses.field(default_factory=list)

    def row(self):
        rate = self.inputs / self.seconds if self.seconds else 0
        return (f"{self.name:12} {self.inputs:>9,} {rate:>8,.0f} {self.faults:>7} {self.slowest:>9} {self.peak:>9,} "
                f"{self.coverage:>9,}")


HEAD = f"{'target':12} {'inputs':>9} {'a second':>8} {'faults':>7} {'slowest s':>9} {'peak MiB':>9} {'coverage':>9}"


def build():
    """Builds the program with libFuzzer's own main, in a folder of its own, and returns the targets' longest inputs."""
    command = ["swift", "build", "-c", "release", "--product", "medseg-fuzz", "--scratch-path", str(BUILD)]
    command += ["--sanitize", "fuzzer", "-Xswiftc", "-DFUZZER"]
    if SANITIZER:
        command += ["--sanitize", SANITIZER]
    subprocess.run(command, cwd=ROOT, check=True)
    # DCMTK's part is not fuzzed for new code, which only what Swift does with it is.
    subprocess.run(["swift", "build", "-c", "release", "--product", "MedSegDICOM"], cwd=ROOT, check=True)
    # Without a target the program lists them.
    environment = {key: value for key, value in os.environ.items() if key != "FUZZ_TARGET"}
    listed = subprocess.run([str(PROGRAM)], env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    lengths = {name: int(length) for name, length in map(str.split, listed.splitlines())}
    wanted = os.environ.get("FUZZ_TARGETS", "").split() or list(lengths)
    unknown = set(wanted) - set(lengths)
    if unknown:
        sys.exit(f"fuzz: no target is called {', '.join(sorted(unknown))}; there are {', '.join(lengths)}")
    return {name: lengths[name] for name in wanted}


def libfuzzer(name, work, options, folders):
    """Runs the program on a target; returns what it wrote."""
    environment = os.environ | {"FUZZ_TARGET": name, "TMPDIR": str(work), "SWIFT_BACKTRACE": "enable=no"}
    environment["MEDSEG_DICOM_LIBRARY"] = str(ROOT / ".build/release/libMedSegDICOM.so")
    # An allocation that the system refuses must come back as nil, as it does without the sanitizer.
    environment["ASAN_OPTIONS"] = "allocator_may_return_null=1:detect_leaks=0"
    result = subprocess.run([str(PROGRAM), *options, *map(str, folders)], env=environment, cwd=work,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return result.stderr.decode(errors="replace")


def number(pattern, text, otherwise=0):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else otherwise


def fuzz(name, longest, work):
    """Feeds a target until it had its inputs or its time."""
    outcome = Outcome(name)
    grown = GROWN / name
    grown.mkdir(parents=True, exist_ok=True)
    FINDINGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    while outcome.faults < MOST_FAULTS:
        left = SECONDS - (time.monotonic() - begun)
        if left < 1 or RUNS and outcome.inputs >= RUNS:
            break
        text = libfuzzer(name, work, [
            f"-runs={RUNS - outcome.inputs if RUNS else -1}", f"-max_total_time={int(left)}", f"-max_len={longest}",
            f"-timeout={LONGEST_SECONDS}", f"-rss_limit_mb={MOST_MEGABYTES}", f"-malloc_limit_mb={MOST_MEGABYTES}",
            "-print_final_stats=1", f"-artifact_prefix={FINDINGS}/{name}-",
        ], [grown, CORPUS / name])
        outcome.inputs += number(r"stat::number_of_executed_units:\s+(\d+)", text, number(r"^#(\d+)\s", text))
        outcome.slowest = max(outcome.slowest, number(r"stat::slowest_unit_time_sec:\s+(\d+)", text))
        outcome.peak = max(outcome.peak, number(r"stat::peak_rss_mb:\s+(\d+)", text))
        outcome.coverage = max(outcome.coverage, number(r"cov: (\d+)", text))
        kept = re.findall(r"Test unit written to (\S+)", text)
        if kept:
            outcome.faults += 1
            outcome.reasons.append(f"{name}: {kept[-1]}: {reason(text)}")
        elif "stat::number_of_executed_units" not in text:
            sys.exit(f"fuzz: {name} did not run:\n{text[-2000:]}")
        else:
            break
    outcome.seconds = time.monotonic() - begun
    return outcome


def reason(text):
    """What libFuzzer, a sanitizer, Swift's runtime or the harness said of a fault."""
    lines = [line for line in text.splitlines() if re.search(r"Fatal error|ERROR: |^[a-z-]+: ", line)]
    return "; ".join(lines[-2:])[:400]


def keep(name, longest, work):
    """Adds to the committed corpus the inputs that reach what it does not reach."""
    libfuzzer(name, work, ["-set_cover_merge=1", f"-max_len={longest}", f"-timeout={LONGEST_SECONDS}",
                           f"-rss_limit_mb={MOST_MEGABYTES}"], [CORPUS / name, GROWN / name])


def main():
    targets = build()
    # Files of inputs lie in memory where that can be: a disk would wait for each fsync.
    memory = pathlib.Path("/dev/shm")
    work = pathlib.Path(tempfile.mkdtemp(prefix="medseg-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        outcomes = []
        print(HEAD, flush=True)
        jobs = int(os.environ.get("FUZZ_JOBS", os.cpu_count() or 1))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for outcome in pool.map(lambda target: fuzz(*target, work), targets.items()):
                outcomes.append(outcome)
                print(outcome.row(), flush=True)
        if os.environ.get("FUZZ_KEEP") == "1":
            for name, longest in targets.items():
                keep(name, longest, work)
    finally:
        # By the program: archives make folders deeper than Python can follow.
        subprocess.run(["rm", "-rf", str(work)])
    faults = [reason for outcome in outcomes for reason in outcome.reasons]
    for text in faults:
        print("fuzz:", text)
    print(f"fuzz: {sum(outcome.inputs for outcome in outcomes):,} inputs, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
