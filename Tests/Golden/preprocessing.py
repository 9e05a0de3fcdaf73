"""Writes preprocessing.json: chains of MONAI's transforms in many orders, what they make of a small scan, and what
Invertd brings back. Read by Tests/SegInferenceTests/PreprocessingGoldenTests.swift.

    python preprocessing.py          needs monai, torch, numpy
"""

import json
import pathlib

import numpy as np
import torch
from monai import transforms as T
from monai.data import MetaTensor

OUT = pathlib.Path(__file__).with_name("preprocessing.json")


def step(target, **arguments):
    return {"_target_": target, **arguments}


ORIENT, SPACE = step("Orientation", axcodes="RAS"), step("Spacing", pixdim=[1.5, 1.25, 2.0], mode="bilinear")
WINDOW = step("ScaleIntensityRange", a_min=-50, a_max=120, b_min=0.0, b_max=1.0, clip=True)
CASES = {
    "usual": [ORIENT, SPACE, WINDOW, step("CropForeground", margin=1, k_divisible=2, allow_smaller=True)],
    "orientation_last": [SPACE, step("CropForeground", margin=[2, 0, 1]), WINDOW, ORIENT],
    "crop_before_spacing": [step("CropForeground", allow_smaller=True, channel_indices=[1]), ORIENT, SPACE],
    "two_spacings": [SPACE, step("CenterSpatialCrop", roi_size=[4, -1, 30]), step("Spacing", pixdim=[1, 1, 1])],
    "pads": [step("SpatialPad", spatial_size=[9, -1, 8]), ORIENT, step("DivisiblePad", k=[4, 1, 3], method="end")],
    "pad_end_then_spacing": [step("SpatialPad", spatial_size=10, method="end", value=-3.5), SPACE],
    "scale_crop": [step("CenterScaleCrop", roi_scale=[0.5, 1.0, 0.7]), step("ScaleIntensity", minv=-1.0, maxv=2.0)],
    "normalise_whole": [step("NormalizeIntensity")],
    "normalise_nonzero_channels": [step("NormalizeIntensity", nonzero=True, channel_wise=True)],
    "normalise_fixed": [step("NormalizeIntensity", subtrahend=12.5, divisor=40.0)],
    "normalise_fixed_channels": [
        step("NormalizeIntensity", subtrahend=[1.0, 2.0], divisor=[3.0, 0.0], channel_wise=True, nonzero=True)],
    "scale_channels": [step("ScaleIntensity", channel_wise=True)],
    "percentiles": [step("ScaleIntensityRangePercentiles", lower=5, upper=95, b_min=0.0, b_max=1.0, clip=True)],
    "percentiles_relative": [
        step("ScaleIntensityRangePercentiles", lower=10, upper=80, b_min=-1.0, b_max=2.0, relative=True,
             channel_wise=True)],
    # In float32 other neighbours are taken where a label comes back halfway between two: at twice and half the edges.
    "single_doubled": [step("Spacing", pixdim=[1.8, 2.2, 4.8], mode="bilinear", dtype="$torch.float32"), ORIENT],
    "single_halved": [ORIENT, step("Spacing", pixdim=[0.55, 0.45, 1.2], dtype="$torch.float32")],
    "kept_edges": [step("Spacing", pixdim=[1.0, 1.3, 2.0], dtype="$torch.float32", min_pixdim=[0.8, 1.2, 1.5],
                        max_pixdim=[1.2, 1.5, 2.2]), WINDOW],
    "spacing_nearest": [step("Spacing", pixdim=[1.5, 1.25, 2.0], mode="nearest"), ORIENT],
    "spacing_zeros": [ORIENT, step("Spacing", pixdim=[1.7, 0.6, 1.9], mode="bilinear", padding_mode="zeros")],
    "spacing_zeros_nearest": [step("Spacing", pixdim=[1.7, 0.6, 1.9], mode="nearest", padding_mode="zeros"), ORIENT],
    "spacing_reflection": [step("Spacing", pixdim=[0.7, 0.65, 5.0], padding_mode="reflection", dtype="$torch.float32")],
    "resize": [step("Resize", spatial_size=[11, 7, 4], mode="trilinear"), ORIENT, step("CropForeground", margin=1)],
    "resize_keep": [ORIENT, step("Resize", spatial_size=[-1, 13, 3], mode="bilinear"), WINDOW],
    "resize_corners": [step("Resize", spatial_size=[5, 9, 12], mode="trilinear", align_corners=True), SPACE],
    "resize_nearest": [SPACE, step("Resize", spatial_size=[6, 15, 9], mode="nearest")],
    "resize_longest": [step("Resize", spatial_size=12, size_mode="longest", mode="trilinear")],
    "curves": [step("ScaleIntensityRange", a_min=-50, a_max=120, b_min=-1.0, b_max=1.0),
               step("Lambda", func="$lambda x: torch.sigmoid(x)"), ORIENT],
    "curve_bounded": [step("NormalizeIntensity", nonzero=True, channel_wise=True),
                      step("Lambda", func="$lambda x: 3*torch.tanh(x/3)")],
    "curve_above_least": [step("Lambda", func="$lambda x: torch.sigmoid((x - x.min()) / x.std())"), ORIENT],
    "mixed": [WINDOW, ORIENT, step("NormalizeIntensity", nonzero=True), SPACE, step("CropForeground"),
              step("DivisiblePad", k=4)],
}


def scan():
    """Two channels with zeros around, on a left-handed grid of unequal edges."""
    random = np.random.default_rng(7)
    image = np.zeros((2, 8, 7, 6), np.float32)
    image[0, 1:7, 2:6, 1:5] = random.normal(40, 60, (6, 4, 4))
    image[1, 2:8, 1:5, 0:4] = random.normal(-5, 25, (6, 4, 4))
    affine = np.array([[0, -1.1, 0, 12], [0.9, 0, 0, -7], [0, 0, 2.4, 3], [0, 0, 0, 1]], float)
    return image, affine


def arguments(description):
    """Those of a transform, the expressions among them computed."""
    return {k: eval(v[1:], {"torch": torch}) if isinstance(v, str) and v.startswith("$") else v
            for k, v in description.items() if k != "_target_"}


def run(chain, image, affine):
    made = [getattr(T, s["_target_"])(**arguments(s)) for s in chain]
    compose = T.Compose(made)
    tensor = MetaTensor(torch.as_tensor(image.copy()), affine=torch.as_tensor(affine))
    network = compose(tensor)
    shape = list(network.shape[1:])
    random = np.random.default_rng(3)
    values = random.random((1, *shape)).round(3).astype(np.float32)
    labels = random.integers(0, 4, (1, *shape)).astype(np.float32)

    def back(array, nearest):
        prediction = MetaTensor(torch.as_tensor(array), affine=network.affine)
        data = {"image": network, "pred": prediction}
        dictionary = T.Compose([getattr(T, s["_target_"] + "d")(
            keys="image", **({"source_key": "image"} if s["_target_"] == "CropForeground" else {}),
            **arguments(s)) for s in chain])
        data["image"] = dictionary({"image": MetaTensor(torch.as_tensor(image.copy()), affine=torch.as_tensor(affine))})[
            "image"]
        return T.Invertd(keys="pred", transform=dictionary, orig_keys="image", nearest_interp=nearest)(data)["pred"]

    def numbers(tensor, digits=6):
        return [float(f"{v:.{digits}g}") for v in np.asarray(tensor).reshape(-1).tolist()]

    return {
        "steps": chain, "network_shape": shape, "network_affine": numbers(network.affine, 12),
        # Voxels with their channels side by side, as MedSeg keeps them.
        "network": numbers(np.moveaxis(np.asarray(network), 0, -1)),
        "values": numbers(np.moveaxis(values, 0, -1)), "labels": labels.astype(int).reshape(-1).tolist(),
        "restored": numbers(np.moveaxis(np.asarray(back(values, False)), 0, -1)),
        "restored_labels": np.asarray(back(labels, True)).astype(int).reshape(-1).tolist(),
    }


def main():
    image, affine = scan()
    document = {
        "image": [[float(f"{v:.9g}") for v in channel.reshape(-1).tolist()] for channel in image],
        "shape": list(image.shape[1:]), "affine": affine.reshape(-1).tolist(),
        "cases": {name: run(chain, image, affine) for name, chain in CASES.items()},
    }
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
