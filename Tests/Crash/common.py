"""What the crash tests share: the commands, tiny inputs, and comparison of runs bit for bit."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MEDSEG_BUILD", ROOT / ".build/release"))
MEDSEG, SERVER = str(BUILD / "medseg"), str(BUILD / "medseg-server")
FIXTURES = ROOT / "Tests/Fixtures222aa07"
REQUIRE = os.environ.get("MEDSEG_REQUIRE") == "1"
# Commands run in a folder of their own, and every cache lies there too.
ENVIRONMENT = {**os.environ, "MEDSEG_THREADS": "1", "MEDSEG_CACHE": ""}


class Faults:
    """Counts faults and prints each once it is found."""

    count = 0

    def add(self, text):
        self.count += 1
        print(f"FAULT: {text}", flush=True)

    def check(self, condition, text):
        if not condition:
            self.add(text)
        return condition


faults = Faults()


def skip(reason):
    """A part that cannot be tried here: said loudly, and a failure where everything is required."""
    print(f"SKIPPED: {reason}", file=sys.stderr, flush=True)
    if REQUIRE:
        faults.add(f"MEDSEG_REQUIRE is set and this was skipped: {reason}")


def finish(title):
    print(f"{title}: {faults.count} faults" if faults.count else f"{title}: ok", flush=True)
    sys.exit(1 if faults.count else 0)


def medseg(*arguments, prefix=()):
    """Runs the command and returns its outcome."""
    return subprocess.run(
        [*prefix, MEDSEG, *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT, timeout=300
    )


def start(*arguments, prefix=()):
    """Starts the command and returns while it runs."""
    return subprocess.Popen(
        [*prefix, MEDSEG, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=ENVIRONMENT,
    )


def make_inputs(folder, iterations=240, validate_every=20, checkpoint_every=30):
    """A dataset of three tiny scans and a configuration that trains on it for a second or two."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(FIXTURES / "data", folder / "data", dirs_exist_ok=True)
    text = (FIXTURES / "config.yaml").read_text()
    for key, value in [
        ("data", folder / "data"), ("cache", folder / "cache"), ("iterations", iterations),
        ("validate_every", validate_every), ("checkpoint_every", checkpoint_every),
    ]:
        lines = [f"{key}: {value}" if line.startswith(f"{key}:") else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    (folder / "config.yaml").write_text(text)
    return folder / "config.yaml"


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


SAME = [
    "checkpoint.safetensors", "model/model.safetensors", "model/model.json", "last/model.safetensors", "split.json",
    "validation.csv", "validation_cases.csv",
]


def signature(run):
    """Everything of a run but its clocks."""
    found = {name: digest(run / name) for name in SAME}
    rows = (run / "training.csv").read_text().splitlines()
    found["training.csv"] = [cells[:1] + cells[2:] for cells in (row.split(",") for row in rows)]
    metrics = {}
    for line in (run / "tracking/journal.jsonl").read_bytes().splitlines():
        event = json.loads(line)
        if event["event"] == "metrics":
            for name, value in event["values"].items():
                metrics.setdefault(name, []).append(event["step"])
                if name == "train/loss":
                    found.setdefault("losses", []).append(value)
    found["journal"] = {name: steps for name, steps in metrics.items()}
    return found


def compare(run, expected, title):
    """Holds a run that has ended against one that nobody disturbed."""
    try:
        found = signature(run)
    except (OSError, ValueError) as error:
        return faults.add(f"{title}: {error}")
    for name, value in expected.items():
        faults.check(found.get(name) == value, f"{title}: {name} differs")
    litter = [str(path) for path in run.rglob(".*")]
    faults.check(not litter, f"{title}: left over {litter}")


def files(folder):
    """Every file with a final name, by its path in the folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): digest(path) for path in found}


def no_litter(folder, title):
    litter = [str(path) for path in folder.glob(".*")]
    faults.check(not litter, f"{title}: left over {litter}")


def begin_or_resume(run, config):
    """The arguments that go on with a run, or begin it where nothing was written yet."""
    if (run / "config.json").exists():
        return ["train", "--resume", run, "--quiet"]
    return ["train", config, "--out", run, "--quiet"]


class Deadline:
    """The seconds that a part may take."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    @property
    def passed(self):
        return time.monotonic() > self.end
