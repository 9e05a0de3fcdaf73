"""Kills train, predict, data import, data prepare and the server at random and at chosen moments, and looks for
anything that is lost, half written or left over. Kills of the other commands are in commands.py.
"""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from common import (
    Deadline, begin_or_resume, compare, faults, files, finish, make_inputs, medseg, no_litter, signature, skip, start,
)
from killing import SECONDS, SEED, end, share
from server import StudyServer


def train_kills(folder, config, expected, length):
    """Random kills of trainings, up to five a run."""
    kills = runs = 0
    deadline = Deadline(SECONDS)
    while kills < share(0.3) and not deadline.passed:
        run = folder / f"killed{runs}"
        for attempt in range(6):
            process = start(*begin_or_resume(run, config))
            if attempt == 5:
                errors = process.communicate(timeout=120)[1]
                if not faults.check(process.returncode == 0, f"train after kills: {process.returncode} {errors}"):
                    break
            elif not end(process, random.uniform(0.0, length * 0.6)):
                errors = process.stderr.read()
                faults.check(process.returncode == 0, f"train: {process.returncode} {errors}")
                break
            else:
                kills += 1
        compare(run, expected, f"run {runs}")
        shutil.rmtree(run, ignore_errors=True)
        runs += 1
    print(f"train: {kills} kills at random, {runs} runs, seed {SEED}", flush=True)


def window_kills(folder, config, expected):
    """Kills at the n-th rename and fsync of a training, so that the window of the first checkpoint is met for certain."""
    if shutil.which("strace") is None:
        return skip("strace is not there; no training was killed in the window of its first checkpoint")
    kills = 0
    deadline = Deadline(SECONDS)
    for call, last in [("rename", 12), ("fsync", 30)]:
        step = max(1, last // max(1, share(0.15)))
        for number in range(1, last + 1, step):
            if deadline.passed:
                break
            run = folder / f"window-{call}{number}"
            inject = f"inject=/^{call}:signal=SIGKILL:when={number}"
            trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace=/^{call}", "-e", inject]
            medseg("train", config, "--out", run, "--quiet", prefix=trace)
            kills += 1
            outcome = medseg(*begin_or_resume(run, config))
            if faults.check(outcome.returncode == 0, f"killed at {call} {number}: {outcome.stderr}"):
                compare(run, expected, f"killed at {call} {number}")
            shutil.rmtree(run, ignore_errors=True)
    print(f"train: {kills} kills at its first renames and fsyncs", flush=True)


def two_processes(folder, config, expected):
    """Two trainings of one run at a time: one trains, the other is refused."""
    rounds = 6
    for number in range(rounds):
        run = folder / f"two{number}"
        first = start("train", config, "--out", run, "--quiet")
        while first.poll() is None and not (run / "training.csv").exists():
            time.sleep(0.002)
        first.kill()
        first.wait()
        pair = [start("train", "--resume", run, "--quiet") for _ in range(2)]
        said = [process.communicate(timeout=120)[1] for process in pair]
        codes = sorted(process.returncode for process in pair)
        faults.check(codes == [0, 69], f"two processes on one run ended with {codes}: {said}")
        compare(run, expected, f"two processes, round {number}")
        shutil.rmtree(run, ignore_errors=True)
    print(f"train: {rounds} rounds of two processes on one run", flush=True)


def repeated(title, arguments, count, prepare, check):
    """Kills a command at random moments of its length, and checks what is there after each."""
    prepare()
    began = time.monotonic()
    outcome = medseg(*arguments)
    length = time.monotonic() - began
    if not faults.check(outcome.returncode == 0, f"{title}: {outcome.stderr}"):
        return
    kills = 0
    deadline = Deadline(SECONDS)
    for _ in range(count):
        if deadline.passed:
            break
        prepare()
        kills += end(start(*arguments), random.uniform(0.02, length))
        check(f"{title} after a kill")
    prepare()
    outcome = medseg(*arguments)
    faults.check(outcome.returncode == 0, f"{title} after all kills: {outcome.returncode} {outcome.stderr}")
    check(f"{title} after all kills")
    print(f"{title}: {kills} kills", flush=True)


def predict_kills(folder, model):
    scans = sorted((folder / "data/imagesTr").iterdir())
    common = ["predict", *scans, "--model", model, "--quiet", "--device", "cpu", "--force", "--figure"]
    medseg(*common, "--out", folder / "masks-expected")
    expected = files(folder / "masks-expected")

    def check(title):
        for name, content in files(folder / "masks").items():
            faults.check(expected.get(name) == content, f"{title}: {name} is not whole")

    repeated("predict", common + ["--out", folder / "masks"], share(0.1), lambda: None, check)
    no_litter(folder / "masks", "predict")


def import_kills(folder):
    archive = folder / "data.tar"
    subprocess.run(["tar", "cf", archive, "-C", folder, "data"], check=True)
    place = folder / "imports"
    place.mkdir()
    arguments = ["data", "import", archive, "--quiet", "--out"]
    medseg(*arguments, place / "expected")
    expected = files(place / "expected")

    def check(title):
        if (place / "target").exists():
            faults.check(files(place / "target") == expected, f"{title}: half a dataset")

    def prepare():
        shutil.rmtree(place / "target", ignore_errors=True)

    repeated("data import", arguments + [place / "target"], share(0.05), prepare, check)
    no_litter(place, "data import")


def prepare_kills(folder, config):
    arguments = ["data", "prepare", config, "--set", f"cache={folder / 'prepared'}", "--quiet"]
    medseg(*arguments)
    expected = files(folder / "prepared")

    def check(title):
        for name, content in files(folder / "prepared").items():
            faults.check(expected.get(name) == content, f"{title}: {name} is not whole")

    def prepare():
        shutil.rmtree(folder / "prepared", ignore_errors=True)

    repeated("data prepare", arguments, share(0.05), prepare, check)
    no_litter(folder / "prepared", "data prepare")


def server_kills(folder, model):
    """A server that is killed again and again between and in uploads keeps everything that it acknowledged."""
    place = folder / "served"
    (place / "studies").mkdir(parents=True)
    image = next((folder / "data/imagesTr").iterdir()).read_bytes()
    labels = [path.read_bytes() for path in sorted((folder / "data/labelsTr").iterdir())]
    acknowledged, kills, uploads = {}, 0, 0
    deadline = Deadline(SECONDS)
    while (kills < share(0.1) or len(acknowledged) < 39) and not deadline.passed:
        with StudyServer(place, model) as server:
            found = server.images()
            for name, label in acknowledged.items():
                status, body = server.label(name)
                faults.check(status == 200 and body == label, f"server: the label of {name} is lost ({status})")
            faults.check(set(acknowledged) <= found, f"server: images are lost: {set(acknowledged) - found}")
            killer = subprocess.Popen(["sh", "-c", f"sleep {random.uniform(0.02, 0.4)}; kill -9 {server.process.pid}"])
            try:
                while True:
                    name, label = f"case{uploads}", random.choice(labels)
                    uploads += 1
                    if server.add_image(name, image)[0] == 200 and server.add_label(name, label)[0] == 200:
                        acknowledged[name] = label
            except OSError:
                pass
            killer.wait()
            server.process.wait()
            kills += 1
    with StudyServer(place, model) as server:
        for name, label in acknowledged.items():
            status, body = server.label(name)
            faults.check(status == 200 and body == label, f"server: the label of {name} is lost ({status})")
        litter = [str(path) for path in (place / "studies").rglob("*") if "nosync" in path.name]
        litter += [str(path) for path in (place / "studies").rglob(".*.unfinished")]
        faults.check(not litter, f"server: left over {litter}")
    print(f"server: {kills} kills, {len(acknowledged)} acknowledged uploads of images and labels", flush=True)


def full_disk(folder, config, expected, model):
    """Disks that fill up: always code 74, nothing half written, and the run goes on when there is room."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], stderr=subprocess.DEVNULL).returncode == 0
    if not mounted:
        return skip("a small file system can only be mounted by root; no disk was filled")
    try:
        rounds = share(0.15)
        for _ in range(rounds):
            (disk / "filler").write_bytes(b"x" * random.randrange(300_000, 505_000, 997))
            outcome = medseg("train", config, "--out", disk / "run", "--quiet")
            faults.check(outcome.returncode in (0, 74), f"full disk: train ended with {outcome.returncode}")
            masks = medseg(
                "predict", folder / "data/imagesTr/ball_0.nii.gz", "--model", model, "--out", disk / "masks", "--quiet",
                "--probabilities")
            faults.check(masks.returncode in (0, 74), f"full disk: predict ended with {masks.returncode}")
            (disk / "filler").unlink()
            shutil.rmtree(disk / "masks", ignore_errors=True)
            outcome = medseg(*begin_or_resume(disk / "run", config))
            if faults.check(outcome.returncode == 0, f"full disk: {outcome.stderr}"):
                compare(disk / "run", expected, "full disk")
            shutil.rmtree(disk / "run", ignore_errors=True)
        print(f"full disk: {rounds} rounds", flush=True)
    finally:
        subprocess.run(["umount", disk], check=False)


def main():
    with tempfile.TemporaryDirectory(prefix="medseg-crash-") as place:
        folder = pathlib.Path(place)
        config = make_inputs(folder)
        began = time.monotonic()
        outcome = medseg("train", config, "--out", folder / "straight", "--quiet")
        length = time.monotonic() - began
        assert outcome.returncode == 0, outcome.stderr
        expected, model = signature(folder / "straight"), folder / "straight/model"
        window_kills(folder, config, expected)
        train_kills(folder, config, expected, length)
        two_processes(folder, config, expected)
        predict_kills(folder, model)
        import_kills(folder)
        prepare_kills(folder, config)
        server_kills(folder, model)
        full_disk(folder, config, expected, model)
    finish("kills")


if __name__ == "__main__":
    main()
