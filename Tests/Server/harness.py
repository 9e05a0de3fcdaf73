"""Starts medseg-server on inputs that every test here uses."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MEDSEG_BUILD", ROOT / ".build/release"))
SHARED = pathlib.Path(os.environ.get("MEDSEG_SHARED", ROOT.parent / "shared"))

# What a server asks for in the tests of its token.
TOKEN = "0123456789abcdef0123456789abcdef"

TRAINING = """
network_def:
  _target_: monai.networks.nets.UNet
  spatial_dims: 3
  in_channels: 1
  out_channels: 2
  channels: [8, 16]
  strides: [2]
  num_res_units: 1
  dropout: 0.1
preprocessing:
  orientation: RAS
  pixdim: [3, 3, 3]
  intensity: {a_min: -57, a_max: 164, clip: true}
  crop_foreground: true
roi_size: [32, 32, 32]
overlap: 0.5
loss: {name: dice_ce}
optimizer: {learning_rate: 0.01}
"""


def nifti(shape, data=b"", datatype=4, bitpix=16, offset=352, spacing=(1, 1, 1)):
    """A NIfTI file of some bytes of voxels, of 16 bits unless it is said otherwise."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<hh", header, 70, datatype, bitpix)
    struct.pack_into("<8f", header, 76, 1, *spacing, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, offset)
    header[344:348] = b"n+1\0"
    return bytes(header) + data


def medseg(*arguments):
    subprocess.run([str(BUILD / "medseg"), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


class Inputs:
    """A folder with models, scans and the masks that `medseg predict` makes of them."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="medseg-inputs-"))
        self.models = self.folder / "models"
        self.models.mkdir()
        if (SHARED / "weights").is_dir():
            self.model = "spleen_unet"
            self._copy_shared_model()
            self.scans = [
                SHARED / "data/ct_spleen/torso_3mm/ct.nii.gz", SHARED / "data/ct_spleen/msd_spleen2_crop/ct.nii.gz",
            ]
        else:
            self.model = "phantom_unet"
            self._train()
            self.scans = sorted((self.folder / "phantoms/imagesTr").glob("*.nii.gz"))[:2]

    def _copy_shared_model(self):
        folder = self.models / self.model
        folder.mkdir()
        shutil.copy(SHARED / "weights/monai_unet_small.safetensors", folder / "model.safetensors")
        description = (SHARED / "weights/monai_unet_small.json").read_text().rstrip()
        (folder / "model.json").write_text(description.removesuffix("}") + ', "labels": {"1": "spleen"}}')
        for file in folder.iterdir():
            file.chmod(0o644)

    def _train(self):
        medseg("data", "phantom", "--out", self.folder / "phantoms", "--count", "2")
        config = self.folder / "config.yaml"
        config.write_text(f"data: {self.folder}/phantoms\nvalidation: 0\niterations: 5\n" + TRAINING)
        medseg("train", config, "--out", self.folder / "run", "--device", "cpu", "--quiet")
        shutil.copytree(self.folder / "run/model", self.models / self.model)

    def predict(self, scan, *options):
        """The folder of what `medseg predict` writes, and what its files' names begin with."""
        out = self.folder / "predicted"
        shutil.rmtree(out, ignore_errors=True)
        medseg("predict", scan, "--model", self.models / self.model, "--out", out, "--device", "cpu", "--quiet", *options)
        return out, re.sub(r"\.nii(\.gz)?$", "", scan.name)

    def mask(self, scan):
        """The mask that `medseg predict` writes, as bytes."""
        out, stem = self.predict(scan)
        return (out / f"{stem}_mask.nii.gz").read_bytes()

    def remove(self):
        shutil.rmtree(self.folder)


class Server:
    """A running server; `log` is what it printed so far."""

    def __init__(self, inputs, *arguments, port=0, scratch=None, cache=None, environment=None):
        # With a cache folder the server takes its own default in it.
        environment = {**(environment or {}), **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
        if cache:
            self.scratch = pathlib.Path(cache) / "medseg-server" / str(port)
        else:
            self.scratch = pathlib.Path(scratch or tempfile.mkdtemp(prefix="medseg-scratch-"))
            arguments = ("--scratch", self.scratch, *arguments)
        self.log_path = inputs.folder / f"server-{time.monotonic_ns()}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [str(BUILD / "medseg-server"), "--models", str(inputs.models), "--port", str(port), "--device", "cpu",
                 *map(str, arguments)],
                stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        self.url = self._wait()

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def _wait(self):
        for _ in range(600):
            found = re.search(r"http://\S+:\d+", self.log)
            if found:
                return found.group(0)
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log}")
            time.sleep(0.05)
        raise RuntimeError("the server does not start")

    def memory(self, field="VmHWM"):
        """Peak (VmHWM) or present (VmRSS) memory in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status).group(1)) // 1024

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def files(self):
        """Everything in the server's folder but its lock."""
        return sorted(
            str(path.relative_to(self.scratch)) for path in self.scratch.rglob("*") if path.name != "medseg-server.lock")


@contextlib.contextmanager
def running(inputs, *arguments, **options):
    server = Server(inputs, *arguments, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        shutil.rmtree(server.scratch, ignore_errors=True)


def upload(url, scan, **options):
    with open(scan, "rb") as body:
        answer = requests.post(f"{url}/api/v1/volumes", data=body, **options)
    answer.raise_for_status()
    return answer.json()["id"]


def submit(url, volume, model, **options):
    return requests.post(f"{url}/api/v1/jobs", json={"volume": volume, "model": model, **options})


def finish(url, job, seconds=300):
    """The job's last state."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = requests.get(f"{url}/api/v1/jobs/{job}").json()
        if state["state"] not in ("queued", "running"):
            return state
        time.sleep(0.1)
    raise RuntimeError("the job does not end")


def wait_for(condition, seconds=30):
    """Waits until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come within {seconds} s"
        time.sleep(0.05)


class Watch(threading.Thread):
    """An honest client: asks for an address all the time, each time anew, and how much memory the server has."""

    def __init__(self, server, path="/info/", pause=0.02, headers=None):
        super().__init__(daemon=True)
        self.server, self.path, self.pause, self.headers = server, path, pause, headers
        self.times, self.failures, self.memory = [], [], 0
        self.ended = threading.Event()

    def run(self):
        # At least once, however short the watch is.
        while not (self.ended.wait(self.pause) and (self.times or self.failures)):
            start = time.monotonic()
            try:
                answer = requests.get(self.server.url + self.path, timeout=30, headers=self.headers)
                assert answer.status_code == 200, answer.status_code
                self.times.append(time.monotonic() - start)
            except Exception as error:  # counted, and reported at the end
                self.failures.append(repr(error))
            self.memory = max(self.memory, self.server.memory("VmRSS"))

    def stop(self):
        self.ended.set()
        self.join()
        return self
