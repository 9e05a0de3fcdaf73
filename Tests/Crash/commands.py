"""Kills evaluate, convert, data convert, data split, plan, folds and report. What a kill leaves under a final name is
whole, and the same command, run again, ends as if nobody had disturbed it. SIGTERM is handled from the start.
"""

import pathlib
import random
import re
import shutil
import tempfile
import time

from common import Deadline, faults, files, finish, make_inputs, medseg, no_litter, skip, start
from killing import SECONDS, end, share


def make_raw_dataset(folder):
    """The tiny scans as a raw dataset of nnU-Net."""
    raw = folder / "Dataset001_Balls"
    for kind, ending in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
        (raw / kind).mkdir(parents=True)
        for path in (folder / "data" / kind).iterdir():
            shutil.copy(path, raw / kind / path.name.replace(".nii.gz", ending))
    (raw / "dataset.json").write_text(
        '{"channel_names": {"0": "CT"}, "labels": {"background": 0, "ball": 1}, "numTraining": 3, '
        '"file_ending": ".nii.gz"}')
    return raw


def train(config, run, case):
    """A short run that validates one case, a fold of three."""
    outcome = medseg("train", config, "--out", run, "--quiet", "--set", f"validation=[{case}]", "--set", "iterations=20")
    assert outcome.returncode == 0, outcome.stderr
    return run


def commands(folder, config):
    """Every command that is killed here, as its title and arguments; each writes into one folder."""
    out, data = folder / "out", folder / "data"
    scan = data / "imagesTr/ball_2.nii.gz"
    runs = [train(config, folder / f"fold{number}", f"ball_{number}") for number in range(3)]
    raw, model = make_raw_dataset(folder), runs[2] / "model"
    cpu = ["--device", "cpu", "--quiet"]
    return {
        "evaluate": ["evaluate", "--data", data, "--model", model, "--out", out / "metrics.json", "--csv", out / "metrics.csv",
                     "--figures", out / "figures", *cpu],
        "convert to PyTorch": ["convert", model / "model.safetensors", out / "model.pt"],
        "convert to ONNX": ["convert", model, out / "model.onnx"],
        "data convert": ["data", "convert", scan, out / "scan.nrrd"],
        "data split": ["data", "split", data, "--out", out / "split.json", "--validation", "0.4"],
        "plan": ["plan", raw, "--out", out, "--quiet"],
        "folds": ["folds", *runs, "--out", out, *cpu],
        "report": ["report", runs[2], "--out", out],
    }


def contents(out):
    """Every file of a folder; times of day and durations are left out of its texts."""
    found = files(out)
    for name in found:
        if name.endswith((".json", ".md", ".csv")):
            text = (out / name).read_text()
            found[name] = re.sub(r'("\w*(?:seconds|time|date)\w*": *)("[^"]*"|[\d.e-]+)', r"\1", text)
    return found


def kill_and_run_again(title, arguments, out):
    """Kills a command at random moments of its length, and runs it again after each."""
    arguments = [*arguments, "--force"]

    def finish_it(moment):
        outcome = medseg(*arguments)
        faults.check(outcome.returncode == 0, f"{title} {moment}: {outcome.returncode} {outcome.stderr}")
        found = contents(out)
        for name in sorted(expected.keys() | found.keys()):
            faults.check(found.get(name) == expected.get(name), f"{title} {moment}: {name} differs")
        for folder in [out, *(path for path in out.rglob("*") if path.is_dir())]:
            no_litter(folder, f"{title} {moment}")

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    began = time.monotonic()
    outcome = medseg(*arguments)
    length = time.monotonic() - began
    if not faults.check(outcome.returncode == 0, f"{title}: {outcome.stderr}"):
        return
    expected = contents(out)
    kills, deadline = 0, Deadline(SECONDS)
    for _ in range(share(0.03)):
        if deadline.passed:
            break
        shutil.rmtree(out)
        out.mkdir()
        kills += end(start(*arguments), random.uniform(0.02, length))
        for name, content in contents(out).items():
            faults.check(expected.get(name) == content, f"{title} after a kill: {name} is not whole")
        finish_it("run again")
    print(f"{title}: {kills} kills", flush=True)


def early_termination(folder, title, arguments):
    """SIGTERM is handled before a command opens any of its files: no moment of its work ends it in another way."""
    log = folder / "signals.log"
    trace = ["strace", "-f", "-qq", "-o", log, "-e", "trace=rt_sigaction,open,openat"]
    medseg(*arguments, "--force", prefix=trace)
    lines = log.read_text(errors="replace").splitlines()
    handled = [n for n, line in enumerate(lines) if re.search(r"rt_sigaction\(SIGTERM, \{sa_handler=0x", line)]
    opened = [n for n, line in enumerate(lines) if "open" in line and f'"{folder}' in line]
    faults.check(handled and opened and handled[0] < opened[0], f"{title} opens files before it handles SIGTERM")


def main():
    with tempfile.TemporaryDirectory(prefix="medseg-commands-") as place:
        folder = pathlib.Path(place)
        config = make_inputs(folder, iterations=20)
        every = commands(folder, config)
        if shutil.which("strace") is None:
            skip("strace is not there; whether SIGTERM is handled from the start was not tried")
        else:
            training = ["train", config, "--out", folder / "run", "--quiet"]
            for title, arguments in {**every, "train": training}.items():
                (folder / "out").mkdir(exist_ok=True)
                early_termination(folder, title, arguments)
        for title, arguments in every.items():
            kill_and_run_again(title, arguments, folder / "out")
    finish("commands")


if __name__ == "__main__":
    main()
