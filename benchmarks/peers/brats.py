"""Compares a training run as for BraTS with MONAI's: four channels, three overlapping regions, sigmoid and z-score.

    python benchmarks/peers/brats.py MEDSEG WORK [DEVICE …]

Makes two phantoms of four MR-like channels, each channel on its own scale, with nested tumours (edema 2, core 1, enhancing 3).
PyTorch draws the weights of a small UNet, with which both runs start. A batch is both cases in full, without random crops and
without augmentation. MONAI reads the same files with LoadImaged and NormalizeIntensityd. Its DiceLoss is given regions that this
script computes, and Adam makes 50 steps. The losses of each DEVICE (default: cpu) must equal MONAI's within 1e-3. Then `medseg
predict` with four files must paint the mask that MONAI's network gives with the trained weights, and `medseg evaluate` must
compute the same Dice of each region as MONAI's DiceMetric.
"""
import csv
import json
import pathlib
import subprocess
import sys

import nibabel
import numpy as np
import torch
from monai import transforms as tf
from monai.losses import DiceLoss
from monai.metrics import DiceMetric
from monai.networks.nets import UNet
from safetensors.torch import load_file, save_file

NETWORK = dict(spatial_dims=3, in_channels=4, out_channels=3, channels=[8, 16, 32], strides=[2, 2], num_res_units=1)
REGIONS = {"whole": [1, 2, 3], "core": [1, 3], "enhancing": [3]}
# nnU-Net's order for BraTS: the innermost region is painted last.
ORDER = [2, 1, 3]
EDGE, STEPS, RATE, LIMIT = 32, 50, 3e-3, 1e-3


def phantom(number):
    """Four channels and the label map: a head with three nested balls, whose contrast differs between channels."""
    random = np.random.default_rng(number)
    grid = np.stack(np.meshgrid(*[np.arange(EDGE)] * 3, indexing="ij"))
    within = lambda centre, radius: ((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(0) < radius**2
    centre = 12 + 8 * random.random(3)
    head, label = within([16, 16, 16], 15), np.zeros((EDGE,) * 3, np.uint8)
    for number_of_label, radius in [(2, 8), (1, 5.5), (3, 3.5)]:
        label[within(centre, radius)] = number_of_label
    channels = []
    for scale, contrast in zip([400, 900, 60, 2500], [(0, .1, .5, .2), (0, -.2, .2, .8), (0, .4, .7, .5), (0, .8, .5, .6)]):
        image = scale * (1 + np.asarray(contrast)[label] + 0.15 * random.standard_normal(label.shape))
        channels.append(np.where(head, image, 0).astype(np.float32))
    return channels, label


def write(folder):
    """Writes the dataset, and returns the entry of each case in its index."""
    cases = []
    for number in range(2):
        channels, label = phantom(number)
        images = []
        for channel, image in enumerate(channels):
            images.append(f"case{number}_{channel:04d}.nii.gz")
            nibabel.save(nibabel.Nifti1Image(image, np.diag([1.0, 1, 1, 1])), folder / images[-1])
        nibabel.save(nibabel.Nifti1Image(label, np.diag([1.0, 1, 1, 1])), folder / f"label{number}.nii.gz")
        cases.append({"image": images, "label": f"label{number}.nii.gz"})
    names = {str(n): name for n, name in enumerate(["T1", "T1ce", "T2", "FLAIR"])}
    labels = {"0": "background", "1": "necrosis", "2": "edema", "3": "enhancing"}
    (folder / "dataset.json").write_text(json.dumps({"modality": names, "labels": labels, "training": cases}))
    return cases


def read(folder, cases):
    """The images and regions of all cases, [N, C, D, H, W], as MONAI reads them."""
    reading = tf.Compose([
        tf.LoadImaged(["image", "label"]), tf.EnsureChannelFirstd(["image", "label"]),
        tf.NormalizeIntensityd(["image"], nonzero=True, channel_wise=True)])
    path = lambda name: str(folder / name)
    items = [reading({"image": [path(name) for name in case["image"]], "label": path(case["label"])}) for case in cases]
    images = torch.stack([item["image"].as_tensor() for item in items])
    labels = torch.stack([item["label"].as_tensor() for item in items]).long()
    return images, torch.cat([sum(labels == number for number in numbers) for numbers in REGIONS.values()], 1).float()


def train(state, images, regions, dtype):
    network = UNet(**NETWORK)
    network.load_state_dict(state)
    network.to(dtype).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    loss_of = DiceLoss(smooth_nr=0, smooth_dr=1e-5, squared_pred=True, to_onehot_y=False, sigmoid=True)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(network(images.to(dtype)), regions.to(dtype))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def configuration(folder):
    config = {
        "data": str(folder), "validation": 0, "iterations": STEPS, "cache": "none",
        "network_def": {"_target_": "monai.networks.nets.UNet", **NETWORK},
        "preprocessing": [{"_target_": "NormalizeIntensity", "nonzero": True, "channel_wise": True}],
        "roi_size": [EDGE] * 3, "regions": [{name: numbers} for name, numbers in REGIONS.items()], "regions_order": ORDER,
        "sampling": {"samples_per_volume": 1, "volumes_per_batch": 2},
        "loss": {"name": "dice", "sigmoid": True, "squared_pred": True, "smooth_nr": 0, "smooth_dr": 1e-5},
        "optimizer": {"name": "adam", "learning_rate": RATE}, "init_from": str(folder / "start.safetensors"),
    }
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return file


def painted(probabilities):
    mask = np.zeros(probabilities.shape[1:], np.uint8)
    for channel, number in enumerate(ORDER):
        mask[probabilities[channel] > 0.5] = number
    return mask


def check_device(medseg, folder, cases, device, images, regions, expected):
    """Trains on a device, prints the differences from MONAI, and fails if they are too large."""
    run = folder / f"run-{device.replace(':', '')}"
    call = lambda *arguments: subprocess.run([medseg, *map(str, arguments), "--device", device, "--quiet"], check=True,
                                             stdout=subprocess.DEVNULL)
    call("train", configuration(folder), "--out", run)
    with open(run / "training.csv") as table:
        losses = np.array([float(row["loss"]) for row in csv.DictReader(table)])
    assert len(losses) == STEPS, losses
    apart = np.abs(losses - expected).max()
    network = UNet(**NETWORK).eval()
    network.load_state_dict(load_file(run / "model/model.safetensors"))
    with torch.no_grad():
        found = torch.sigmoid(network(images))
    out = folder / f"masks-{run.name}"
    different = 0
    for number, case in enumerate(cases):
        call("predict", *[folder / name for name in case["image"]], "--model", run / "model", "--out", out)
        mask = np.asarray(nibabel.load(out / f"case{number}_mask.nii.gz").dataobj)
        different += int((mask != painted(found[number].numpy())).sum())
    metrics = folder / f"{run.name}.json"
    call("evaluate", "--data", folder, "--model", run / "model", "--out", metrics)
    # As in nnU-Net, a region of a painted mask consists of the voxels with its numbers.
    masks = [painted(found[number].numpy()) for number in range(len(cases))]
    maps = torch.stack([torch.stack([torch.from_numpy(np.isin(mask, numbers)) for numbers in REGIONS.values()]) for mask in masks])
    dice = DiceMetric(reduction="none")(maps.float(), regions).numpy()
    rows = json.loads(metrics.read_text())["cases"]
    ours = np.array([[row["metrics"]["dice"] for row in case["classes"]] for case in rows])
    names = [row["name"] for row in rows[0]["classes"]]
    assert names == list(REGIONS), names
    print(f"{device}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, at most {apart:.1e} from MONAI's in {STEPS} steps; {different} of "
          f"{images.numel() // 4} voxels of the masks differ; Dice {ours.mean(0).round(4).tolist()}, at most "
          f"{np.abs(ours - dice).max():.1e} from MONAI's")
    assert apart < LIMIT, f"{device}: losses are up to {apart:.1e} from MONAI's"
    assert different <= 2, f"{device}: {different} voxels differ"
    assert np.abs(ours - dice).max() < 1e-3


def main():
    medseg, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True)
    cases = write(folder)
    images, regions = read(folder, cases)
    torch.manual_seed(1)
    state = {name: values.clone() for name, values in UNet(**NETWORK).state_dict().items()}
    save_file(state, folder / "start.safetensors")
    single, exact = (train(state, images, regions, dtype) for dtype in (torch.float32, torch.float64))
    print(f"MONAI: loss {exact[0]:.4f} -> {exact[-1]:.4f} in float64; float32 differs by at most {np.abs(single - exact).max():.1e}")
    for device in sys.argv[3:] or ["cpu"]:
        check_device(medseg, folder, cases, device, images, regions, exact)
    print("BraTS: ok")


if __name__ == "__main__":
    main()
