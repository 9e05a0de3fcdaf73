"""Write nnunet_plans.json: what nnU-Net plans, measures of scans and deals out, for SegNNUNetTests.

    pip install nnunetv2
    python nnunet_plans.py

Plans of datasets that are lists of spacings and extents; the fingerprint of a few scans made of the formula of models.py, of
20 000 draws instead of 100 million; folds of some numbers of cases.
"""
import json
import os
import pathlib
import tempfile

WORK = tempfile.TemporaryDirectory()
for name in ("raw", "preprocessed", "results"):
    os.environ[f"nnUNet_{name}"] = f"{WORK.name}/{name}"
    os.makedirs(f"{WORK.name}/{name}")

import nibabel
import numpy as np
import torch
from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor
from nnunetv2.experiment_planning.experiment_planners import default_experiment_planner as plain
from nnunetv2.experiment_planning.experiment_planners.residual_unets import residual_encoder_unet_planners as residual
from nnunetv2.utilities.crossval_split import generate_crossval_split

PLANNERS = {"default": plain.ExperimentPlanner, "resenc-m": residual.nnUNetPlannerResEncM,
            "resenc-l": residual.nnUNetPlannerResEncL, "resenc-xl": residual.nnUNetPlannerResEncXL}
CT = {"0": "CT"}
TWO = {"background": 0, "a": 1, "b": 2}

# Spacing and extents along (z, y, x) of the middle case; channels; labels; share left by the cut; planners and memory.
DATASETS = {
    "cascade": ((1.25, 0.79, 0.79), (420, 512, 512), CT, TWO, 1.0, [("default", None), ("resenc-m", None),
                                                                   ("resenc-l", None), ("resenc-xl", None)]),
    "long_slices": ((8.0, 1.5, 1.4), (11, 230, 210), {"0": "cine"}, TWO, 0.9, [("default", None), ("default", 16),
                                                                             ("resenc-l", 12.5)]),
    "long_rows": ((0.7, 0.6, 3.6), (450, 480, 17), {"0": "CT", "1": "PET", "2": "noNorm"}, TWO, 0.6,
                  [("default", 4), ("resenc-m", None)]),
    "masked": ((1, 1, 1), (140, 172, 137), {"0": "T1", "1": "zscore", "2": "rescale_to_0_1", "3": "RGB_to_0_1"},
               {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "last": 3, "ignore": 4}, 0.42,
               [("default", None), ("resenc-l", None)]),
    "just_too_large": ((1.5, 1.5, 1.5), (190, 170, 190), CT, {"background": 0, **{f"l{i}": i for i in range(1, 30)}}, 1.0,
                       [("default", None), ("default", 3)]),
    "slices": ((999, 1.1, 0.9), (1, 500, 640), {"0": "R", "1": "G", "2": "B"}, TWO, 1.0, [("default", None)]),
    "tiny": ((2.1, 1.9, 2.0), (9, 13, 7), CT, TWO, 1.0, [("default", None), ("resenc-xl", None)]),
}
# An odd and an even number of cases.
SPREAD = (1, 0.8, 1.3, 0.55, 1.15, 0.95, 1.6)
SCANS = 3
DRAWS = 20_000


def value(stream, count):
    """count numbers in -0.5 ..< 0.5 from a hash of (stream, index)."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + stream * 40503) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    h = (h * 2246822519) & 0xFFFFFFFF
    h ^= h >> np.uint64(13)
    return h.astype(np.float64) / 2**32 - 0.5


def fingerprint(spacing, extents, channels, share, cases):
    factors = SPREAD[:cases]
    statistics = {"mean": 61.25, "median": 58.0, "std": 40.5, "min": -900.0, "max": 1800.0, "percentile_99_5": 210.5,
                  "percentile_00_5": -75.25}
    flat = extents[0] == 1
    return {
        "spacings": [[v if flat else round(v * (f if a == 0 else 1 + (f - 1) / 3), 6) for a, v in enumerate(spacing)]
                     for f in factors],
        "shapes_after_crop": [[v if v == 1 else max(1, int(v * (1 + (f - 1) / 2))) for v in extents] for f in factors],
        "foreground_intensity_properties_per_channel": {c: statistics for c in channels},
        "median_relative_size_after_cropping": share}


def plans(number, name, spacing, extents, channels, labels, share, planners):
    folder = f"Dataset{number}_{name}"
    images = pathlib.Path(os.environ["nnUNet_raw"], folder, "imagesTr")
    preprocessed = pathlib.Path(os.environ["nnUNet_preprocessed"], folder)
    images.mkdir(parents=True)
    preprocessed.mkdir()
    cases = 7 if number % 2 else 6
    dataset = {"channel_names": channels, "labels": labels, "numTraining": cases, "file_ending": ".nii.gz"}
    if name == "masked":
        dataset["regions_class_order"] = [1, 2, 3]
    found = fingerprint(spacing, extents, channels, share, cases)
    (images.parent / "dataset.json").write_text(json.dumps(dataset))
    (preprocessed / "dataset_fingerprint.json").write_text(json.dumps(found))
    # The planner asks a file which reader takes it.
    for channel in range(len(channels)):
        nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)), images / f"a_000{channel}.nii.gz")
    result = []
    for planner, memory in planners:
        made = PLANNERS[planner](number, **({} if memory is None else {"gpu_memory_target_in_gb": memory}))
        with torch.device("meta"):
            made.plan_experiment()
        path = preprocessed / f"{made.plans_identifier}.json"
        result.append({"planner": planner, "memory": memory, "plans": json.loads(path.read_text())})
        path.unlink()
    return {"name": folder, "dataset": json.dumps(dataset), "fingerprint": found, "planned": result}


def scan(case, channel):
    """Extents (x, y, z), values and margins of a case; the last case has no foreground."""
    size = (9 + case, 8, 7 + 2 * case)
    data = np.floor(value(10 * case + channel, int(np.prod(size))) * 400).reshape(size).astype(np.float32)
    data[:2], data[:, -1], data[:, :, :1] = 0, 0, 0
    labels = np.floor((value(10 * case + 5, int(np.prod(size))) + 0.5) * 3).reshape(size).astype(np.uint8)
    if case == SCANS - 1:
        labels[:] = 0
    return size, data, labels


def save(array, case, path):
    affine = np.diag([0.8 + 0.1 * case, 0.9, 2.5 - 0.3 * case, 1])
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


def measured(without_foreground):
    cases = SCANS if without_foreground else SCANS - 1
    name = f"Dataset{900 + without_foreground}_scans"
    folder = pathlib.Path(os.environ["nnUNet_raw"], name)
    for sub in ("imagesTr", "labelsTr"):
        (folder / sub).mkdir(parents=True)
    for case in range(cases):
        for channel in range(2):
            _, data, labels = scan(case, channel)
            save(data, case, folder / "imagesTr" / f"case_{case}_000{channel}.nii.gz")
        save(labels, case, folder / "labelsTr" / f"case_{case}.nii.gz")
    dataset = {"channel_names": {"0": "CT", "1": "T1"}, "labels": TWO, "numTraining": cases, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    extractor = fingerprint_extractor.DatasetFingerprintExtractor(name, num_processes=1)
    extractor.num_foreground_voxels_for_intensitystats = DRAWS
    return {"cases": cases, "dataset": json.dumps(dataset), "fingerprint": json.loads(json.dumps(extractor.run(True)))}


def folds(count):
    names = [f"case_{i:02d}" for i in range(count)]
    return [fold["val"] for fold in json.loads(json.dumps(generate_crossval_split(names), default=str))]


if __name__ == "__main__":
    golden = {
        "plans": [plans(101 + i, name, *entry) for i, (name, entry) in enumerate(DATASETS.items())],
        "scans": [measured(False), measured(True)],
        "folds": {str(count): folds(count) for count in (5, 6, 13, 41)},
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(path.stat().st_size)
