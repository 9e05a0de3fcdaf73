"""Writes mask_steps.json: what MONAI's transforms of label maps make of a small one, and of one of several channels. Read
by Tests/SegInferenceTests/MaskPlanTests.swift.

    python mask_steps.py          needs monai, torch, numpy, scipy, scikit-image
"""

import json
import pathlib

import numpy as np
import torch
from monai import transforms as T
from scipy import ndimage

OUT = pathlib.Path(__file__).with_name("mask_steps.json")


def step(target, **arguments):
    return {"_target_": target, **arguments}


CASES = [
    step("KeepLargestConnectedComponent"),
    step("KeepLargestConnectedComponent", applied_labels=[2]),
    step("KeepLargestConnectedComponent", applied_labels=[1, 3], independent=False, connectivity=1),
    step("KeepLargestConnectedComponent", applied_labels=1, num_components=2, connectivity=2),
    step("FillHoles"),
    step("FillHoles", applied_labels=[3, 1], connectivity=1),
    step("RemoveSmallObjects", min_size=200),
    step("RemoveSmallObjects", min_size=12, independent_channels=False),
    step("RemoveSmallObjects", min_size=5, independent_channels=False, connectivity=3),
    step("LabelFilter", applied_labels=[1, 3]),
]

REGION_CASES = [
    step("KeepLargestConnectedComponent"),
    step("KeepLargestConnectedComponent", applied_labels=[0, 2], is_onehot=True, connectivity=1),
    step("KeepLargestConnectedComponent", applied_labels=[0, 1, 2], independent=False, num_components=2),
    step("FillHoles"),
    step("FillHoles", applied_labels=[1], connectivity=1),
    step("RemoveSmallObjects", min_size=6),
    step("RemoveSmallObjects", min_size=9, connectivity=2, independent_channels=False),
    step("RemoveSmallObjects", min_size=30, connectivity=3),
    step("LabelFilter", applied_labels=[2]),
]


def regions(labels):
    """Three overlapping maps with specks of their own, the first one small."""
    random = np.random.default_rng(5)
    maps = np.stack([labels == 3, labels >= 1, labels == 2]).astype(np.float32)
    maps[0, 7:] = 0
    specks = random.random(maps.shape) < 0.012
    return np.where(specks, 1 - maps, maps)


def label_map():
    """Blobs of three labels, with holes and specks."""
    random = np.random.default_rng(11)
    smooth = ndimage.gaussian_filter(random.normal(size=(12, 11, 10)), 1.2)
    labels = np.digitize(smooth, np.quantile(smooth, [0.55, 0.75, 0.9]))
    shell = np.zeros_like(labels, bool)
    shell[2:7, 2:7, 2:7] = True
    shell[3:6, 3:6, 3:6] = False
    labels[shell] = 3
    labels[4, 4, 4] = 1
    return labels.astype(np.float32)


def run(case, labels):
    transform = getattr(T, case["_target_"])(**{k: v for k, v in case.items() if k != "_target_"})
    made = transform(torch.as_tensor((labels if labels.ndim == 4 else labels[None]).copy()))
    return {"step": case, "mask": np.asarray(made).astype(int).reshape(-1).tolist()}


def main():
    labels = label_map()
    ones = (labels > 1).astype(np.float32)
    overlapping = regions(labels)
    document = {
        "shape": list(labels.shape), "labels": labels.astype(int).reshape(-1).tolist(),
        "cases": [run(case, labels) for case in CASES],
        # In a map of a single label MONAI tells pieces apart; in one of several each label is a piece.
        "single": ones.astype(int).reshape(-1).tolist(),
        "single_cases": [run(step("RemoveSmallObjects", min_size=4), ones), run(step("FillHoles"), ones)],
        # Channel after channel.
        "regions": overlapping.astype(int).reshape(-1).tolist(),
        "region_cases": [run(case, overlapping) for case in REGION_CASES],
    }
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
