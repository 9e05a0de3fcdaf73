"""A model of random weights, whose masks have every shape, and series of several geometries with its masks of them."""

import json
import os
import pathlib
import struct
import subprocess

import numpy as np
import pytest

import series

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEDSEG = os.environ.get("MEDSEG", str(ROOT / ".build/release/medseg"))
CONFIG = """
data: {folder}/phantoms
validation: 0
iterations: 1
network_def: {{_target_: monai.networks.nets.UNet, spatial_dims: 3, in_channels: 1, out_channels: 4,
  channels: [4, 8], strides: [2], num_res_units: 1}}
preprocessing: {{orientation: RAS, intensity: {{a_min: -160, a_max: 240, clip: true}}}}
roi_size: [32, 32, 16]
overlap: 0.25
loss: {{name: dice_ce}}
optimizer: {{learning_rate: 0.01}}
sampling: {{pad: true}}
"""


def medseg(*arguments):
    """Runs medseg and returns what it said, the answer and the rest."""
    outcome = subprocess.run([MEDSEG, *map(str, arguments)], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout, outcome.stderr


def _randomise(path):
    """Gives every tensor of a safetensors file random values."""
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    random = np.random.default_rng(3)
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32"
            first, last = (8 + length + place for place in entry["data_offsets"])
            fan = max(1, int(np.prod(entry["shape"][1:])))
            values = random.normal(0, (2 / fan) ** 0.5, (last - first) // 4) if len(entry["shape"]) > 1 else (
                random.normal(0.1, 0.1, (last - first) // 4))
            data[first:last] = values.astype("<f4").tobytes()
    path.write_bytes(data)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A model folder of three classes: one with a code, one with a side, and one that no table knows."""
    folder = tmp_path_factory.mktemp("model")
    medseg("data", "phantom", "--out", folder / "phantoms", "--count", "2", "--quiet")
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder))
    medseg("train", folder / "config.yaml", "--out", folder / "run", "--device", "cpu", "--quiet")
    description = next((folder / "run").rglob("model.json"))
    settings = json.loads(description.read_text())
    settings["labels"] = {"1": "spleen", "2": "kidney_left", "3": "something odd"}
    description.write_text(json.dumps(settings))
    _randomise(description.with_name("model.safetensors"))
    return description.parent


class Case:
    """A series, and what medseg made of it."""

    def __init__(self, kind, folder, model):
        self.kind, self.series, self.out = kind, folder / "scan", folder / "out"
        series.write(self.series, kind, series.voxels())
        arguments = ("predict", self.series, "--model", model, "--device", "cpu", "--quiet", "--out")
        self.said = "".join(medseg(
            *arguments, self.out, "--dicom-seg", "binary", "--rtstruct", "--report", "--figure", "--probabilities"))
        medseg(*arguments, folder / "labelmap", "--dicom-seg", "labelmap")
        self.binary, self.structures = self.out / "scan_seg.dcm", self.out / "scan_rtstruct.dcm"
        self.labelmap = folder / "labelmap/scan_seg.dcm"
        self.mask = series.nifti(self.out / "scan_mask.nii.gz")
        assert len(np.unique(self.mask)) > 2, "the mask of the random model says little"


@pytest.fixture(scope="session", params=list(series.GEOMETRIES))
def case(request, tmp_path_factory, model):
    return Case(request.param, tmp_path_factory.mktemp(request.param), model)
