"""Writes bundle_inference.json: what MONAI makes of two scans that ConcatItemsd joins, with the way back, and of a volume
whose slices a SliceInferer gives to a 2-D UNet. Read by Tests/SegInferenceTests/BundleGoldenTests.swift.

    python bundle_inference.py          needs monai, torch, numpy
"""

import json
import pathlib

import monai
import numpy as np
import torch
from monai.data import MetaTensor
from monai.inferers import SliceInferer
from monai.networks import nets
from monai.transforms import Compose, Invertd
from monai import transforms

OUT = pathlib.Path(__file__).with_name("bundle_inference.json")
# A left-handed grid of unequal edges.
AFFINE = np.array([[0, -1.1, 0, 12], [0.9, 0, 0, -7], [0, 0, 2.4, 3], [0, 0, 0, 1]], float)


def step(target, keys, **arguments):
    return {"_target_": target, "keys": keys, **arguments}


BOTH = ["t1", "t2"]
JOIN = step("ConcatItemsd", BOTH, name="image")
# Each chain with the entry that Invertd inverts. After ConcatItemsd, steps see both channels at once.
CHAINS = {
    "before": ("t1", [
        step("Orientationd", BOTH, axcodes="RAS"), step("Spacingd", BOTH, pixdim=[1.5, 1.25, 2.0], mode=["bilinear", "bilinear"]),
        step("NormalizeIntensityd", BOTH, nonzero=True), step("CropForegroundd", BOTH, source_key="t2", allow_smaller=True),
        JOIN, step("ScaleIntensityd", "image")]),
    "after": ("image", [
        step("ScaleIntensityd", BOTH), JOIN, step("NormalizeIntensityd", "image", nonzero=True),
        step("Spacingd", "image", pixdim=[1.5, 1.25, 2.0], mode="bilinear"), step("Orientationd", "image", axcodes="LPS"),
        step("CropForegroundd", "image", source_key="image", allow_smaller=True)]),
    "order": ("t1", [
        step("CropForegroundd", BOTH, source_key="t1", allow_smaller=True), step("ScaleIntensityd", BOTH, minv=-1.0, maxv=1.0),
        step("ConcatItemsd", BOTH[::-1], name="image")]),
}
NETWORK = dict(spatial_dims=2, in_channels=1, out_channels=3, channels=[3, 4], strides=[2], num_res_units=1)
INFERERS = {
    "whole_slices": dict(roi_size=[20, 16], spatial_dim=2),
    "windows": dict(roi_size=[12, 8], spatial_dim=2, sw_batch_size=3, overlap=0.5, mode="gaussian"),
    "windows_constant": dict(roi_size=[8, 16], spatial_dim=2, overlap=0.25),
}


def numbers(array, digits=6):
    return [float(f"{v:.{digits}g}") for v in np.asarray(array, np.float64).reshape(-1).tolist()]


def channels_last(array):
    """Voxels with their channels side by side, as MedSeg keeps them."""
    return np.moveaxis(np.asarray(array), 0, -1)


def scans():
    random = np.random.default_rng(7)
    images = np.zeros((2, 8, 7, 6), np.float32)
    images[0, 1:7, 2:6, 1:5] = random.normal(40, 60, (6, 4, 4))
    images[1, 2:8, 1:5, 0:4] = random.normal(-5, 25, (6, 4, 4))
    return images


def join(images, inverted, chain):
    made = Compose([
        getattr(transforms, s["_target_"])(**{k: v for k, v in s.items() if k != "_target_"}) for s in chain])
    data = made({
        name: MetaTensor(torch.as_tensor(image[None].copy()), affine=torch.as_tensor(AFFINE))
        for name, image in zip(BOTH, images)})
    network = data["image"]
    values = np.random.default_rng(3).random((1, *network.shape[1:])).round(3).astype(np.float32)
    data["pred"] = MetaTensor(torch.as_tensor(values), affine=network.affine)
    restored = Invertd("pred", transform=made, orig_keys=inverted, nearest_interp=False)(data)["pred"]
    return {
        "steps": chain, "inverted": inverted, "network_shape": list(network.shape[1:]),
        "network": numbers(channels_last(network)), "values": numbers(channels_last(values)),
        "restored": numbers(channels_last(restored))}


def slices():
    torch.manual_seed(11)
    network = nets.UNet(**NETWORK).eval()
    volume = np.random.default_rng(5).random((1, 1, 20, 16, 5)).round(4).astype(np.float32)
    with torch.no_grad():
        made = {
            name: numbers(channels_last(torch.softmax(SliceInferer(**inferer)(torch.as_tensor(volume), network)[0], 0)))
            for name, inferer in INFERERS.items()}
    return {
        "network_def": {"_target_": "UNet", **NETWORK},
        "weights": {k: {"shape": list(v.shape), "values": numbers(v, 9)} for k, v in network.state_dict().items()},
        "inferers": {name: {"_target_": "SliceInferer", **inferer} for name, inferer in INFERERS.items()},
        "shape": list(volume.shape[2:]), "volume": numbers(volume, 9), "probabilities": made}


def main():
    images = scans()
    document = {
        "made_with": {"torch": torch.__version__, "monai": monai.__version__},
        "images": [numbers(image, 9) for image in images], "shape": list(images.shape[1:]), "affine": AFFINE.reshape(-1).tolist(),
        "chains": {name: join(images, *chain) for name, chain in CHAINS.items()}, "slices": slices(),
    }
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
