"""Holds the order of writes, fsyncs and renames to what a power cut may leave: every prefix is replayed and opened.

CRASH_SECONDS says how long each part may open states, which are a random sample; CRASH_ORDER=all opens every state.
"""

import hashlib
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import time

from common import (
    BUILD, Deadline, ENVIRONMENT, FIXTURES, MEDSEG, SAME, begin_or_resume, compare, faults, finish, make_inputs, medseg,
    signature, skip,
)
from recording import Replay, prefix
from server import StudyServer

EVERY = os.environ.get("CRASH_ORDER") == "all"
SECONDS = float("inf") if EVERY else float(os.environ.get("CRASH_SECONDS", "45"))
random.seed(int(os.environ.get("CRASH_SEED", "1")))


def collect(log, before):
    """The number of calls, every different state that a power cut may leave after any of them, each with a title and
    its time, and the files that are sure after the last."""
    found, sure = {}, {}
    replay = Replay(log, before)
    number = 0
    for when, call in replay.steps():
        number += 1
        for variant, (files, folders) in replay.disk.variants():
            key = hashlib.sha256(repr((sorted(files.items()), sorted(folders))).encode()).digest()
            title = f"call {number} ({call}), {variant}"
            if variant == "least":
                sure = files
            # The last time counts: by then most was acknowledged.
            found[key] = (title, when, files, folders)
    return number, list(found.values()), sure


def restore(root, files, folders):
    """Makes a folder hold a state and nothing else."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for folder in sorted(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content)


def open_all(title, number, found, check):
    """Checks states in random order, the last one first, until the time is up; every one with CRASH_ORDER=all."""
    deadline = Deadline(SECONDS)
    order = found[:-1]
    random.shuffle(order)
    done = 0
    for state in found[-1:] + order:
        if deadline.passed:
            break
        check(*state)
        done += 1
    faults.check(done == len(found) or not EVERY, f"{title}: {len(found) - done} states were not opened")
    print(f"{title}: {number} calls, {len(found)} states, {done} opened", flush=True)


def is_whole(content):
    """Whether bytes are a whole safetensors file."""
    if len(content) < 8:
        return False
    (header,) = struct.unpack("<Q", content[:8])
    return header > 0 and len(content) > 8 + header and content[8:9] == b"{"


def traced(arguments, log):
    outcome = subprocess.run(
        [*prefix(log), *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    assert outcome.returncode == 0, outcome.stderr


def training(folder):
    """Checkpoint, tables, journal and model folders of a run, first trained, then resumed."""
    config = make_inputs(folder, iterations=20, validate_every=6, checkpoint_every=8)
    outcome = medseg("train", config, "--out", folder / "straight", "--quiet")
    assert outcome.returncode == 0, outcome.stderr
    expected = signature(folder / "straight")
    run, before = folder / "work/run", folder / "work-before"
    (folder / "work").mkdir()
    shutil.copytree(folder / "work", before)
    log = folder / "train.log"
    traced([MEDSEG, "train", config, "--out", run, "--quiet"], log)
    number, found, sure = collect_at(log, folder / "work", before)
    for name in SAME + ["training.csv", "tracking/journal.jsonl"]:
        kept = sure.get(f"run/{name}")
        faults.check(kept == (run / name).read_bytes(), f"after the whole training {name} may be lost")

    def check(title, _when, files, folders):
        for name, content in files.items():
            if name.endswith((".safetensors", ".json")) and not os.path.basename(name).startswith("."):
                whole = is_whole(content) if name.endswith(".safetensors") else content.strip().endswith(b"}")
                faults.check(whole, f"{title}: {name} is not whole")
        restore(folder / "work", files, folders)
        outcome = medseg(*begin_or_resume(run, config))
        if faults.check(outcome.returncode == 0, f"{title}: {outcome.returncode} {outcome.stderr}"):
            compare(run, expected, title)

    open_all("order of a training", number, found, check)


def collect_at(log, root, before):
    """Replays a log of calls on `root` from what it held before."""
    # The recorded paths are those of the root.
    held = root.with_name(root.name + "-after")
    root.rename(held)
    shutil.copytree(before, root)
    try:
        return collect(log, root)
    finally:
        shutil.rmtree(root)
        held.rename(root)


def mask(folder):
    """A mask that replaces another."""
    masks, before = folder / "masks", folder / "masks-before"
    scan = folder / "data/imagesTr/ball_2.nii.gz"
    command = ["predict", scan, "--model", FIXTURES / "run/model", "--out", masks, "--quiet", "--device", "cpu"]
    medseg(*command)
    name = "ball_2_mask.nii.gz"
    old = (masks / name).read_bytes()
    shutil.copytree(masks, before)
    log = folder / "mask.log"
    # Another model, so that the new mask differs.
    traced([MEDSEG, *command[:3], folder / "straight/last", *command[4:], "--force"], log)
    new = (masks / name).read_bytes()
    number, found, sure = collect_at(log, masks, before)
    faults.check(sure.get(name) == new, "after the whole prediction the mask may be lost")

    def check(title, _when, files, _folders):
        faults.check(files.get(name) in (old, new), f"{title}: the mask is neither the old nor the new one")

    open_all("order of a mask", number, found, check)


def datastore(folder):
    """Images and labels of the datastore: after an acknowledgement they stay, whatever comes."""
    place, before = folder / "store", folder / "store-before"
    (place / "studies").mkdir(parents=True)
    (place / "scratch").mkdir()
    model = FIXTURES / "run/model"
    image = (folder / "data/imagesTr/ball_0.nii.gz").read_bytes()
    labels = [path.read_bytes() for path in sorted((folder / "data/labelsTr").iterdir())]
    log = folder / "store.log"
    # Acknowledgements: a time, an image, and its label from then on; None for no label yet.
    said = []
    with StudyServer(place, model) as server:
        server.images()
    shutil.copytree(place, before)
    with StudyServer(place, model, prefix=prefix(log)) as server:
        for step, (name, label) in enumerate([("a", 0), ("a", 1), ("b", 2), ("a", 2), ("b", 0)]):
            if step in (0, 2):
                status, body = server.add_image(name, image)
                assert status == 200, body
                said.append((time.time(), name, None))
            said.append((time.time(), name, ("sent", labels[label])))
            status, body = server.add_label(name, labels[label])
            assert status == 200, body
            said.append((time.time(), name, ("kept", labels[label])))
        time.sleep(0.2)
    number, found, _ = collect_at(log, place, before)

    def check(title, when, files, folders):
        restore(place, files, folders)
        wanted = {}
        for moment, name, label in said:
            if label and label[0] == "sent" and moment > when:
                continue
            if label and label[0] == "sent":
                # Under way: the old one or the new one.
                wanted.setdefault(name, set()).add(label[1])
            elif moment <= when:
                wanted[name] = {label[1]} if label else {None}
        try:
            with StudyServer(place, model) as server:
                images = server.images()
                for name, allowed in wanted.items():
                    faults.check(name in images, f"{title}: image {name} is lost")
                    status, body = server.label(name)
                    kept = body if status == 200 else None
                    faults.check(kept in allowed, f"{title}: the label of {name} is lost or not whole ({status})")
        except OSError as error:
            faults.add(f"{title}: {error}")

    open_all("order of the datastore", number, found, check)


def main():
    if shutil.which("strace") is None:
        skip("strace is not there; the order of writes was not tried")
        finish("order")
    with tempfile.TemporaryDirectory(prefix="medseg-order-") as place:
        folder = pathlib.Path(place)
        training(folder)
        mask(folder)
        if (BUILD / "medseg-server").exists():
            datastore(folder)
        else:
            skip("medseg-server is not built; the datastore's order was not tried")
    finish("order")


if __name__ == "__main__":
    main()
