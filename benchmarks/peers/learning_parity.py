"""Trains a small UNet on crops of real CT with PyTorch and records it, so that `medseg-bench replay` can repeat the training.

    python learning_parity.py CT.nii.gz LABELS.nii.gz [CT LABELS …] --out learning_parity.safetensors
    medseg-bench replay learning_parity.safetensors --device cpu

Needs torch, monai, nibabel and safetensors. Both programs start from the weights that PyTorch drew and use the same
crops: 50 steps of two crops each, half of them centred on the organ, with intensities from -57 … 164 HU scaled to 0 … 1.
The capture contains the crops, the initial weights and PyTorch's loss at every step, computed in float64. The script
prints the error of PyTorch's own float32, which is the standard for any other 32-bit arithmetic.
"""
import argparse
import copy
import json

import monai
import nibabel
import numpy as np
import torch
from monai.losses import DiceLoss
from safetensors.torch import save_file

NETWORK = dict(spatial_dims=3, in_channels=1, out_channels=2, channels=[8, 16, 32, 64], strides=[2, 2, 2],
               num_res_units=2, norm="batch", dropout=0.0)
ADAM = dict(lr=4e-4, betas=[0.9, 0.999], eps=1e-8, weight_decay=1e-5)
STEPS, BATCH = 50, 2


def crops(pairs, size, random):
    """STEPS · BATCH crops [count, 1, *size] and their labels; the volumes alternate."""
    volumes = []
    for image, label in pairs:
        image, label = nibabel.load(image).get_fdata(dtype=np.float32), nibabel.load(label).get_fdata() > 0
        image = np.clip((image + 57) / 221, 0, 1)
        pad = [(0, max(0, s - n)) for s, n in zip(size, image.shape)]
        volumes.append((np.pad(image, pad), np.pad(label, pad)))
    images, labels = [], []
    for index in range(STEPS * BATCH):
        image, label = volumes[index % len(volumes)]
        wanted = np.argwhere(label == (index // len(volumes) % 2 == 0))
        centre = wanted[random.integers(len(wanted))]
        start = [int(np.clip(c - s // 2, 0, n - s)) for c, s, n in zip(centre, size, image.shape)]
        box = tuple(slice(a, a + s) for a, s in zip(start, size))
        images.append(image[box])
        labels.append(label[box])
    stack = lambda arrays, dtype: torch.from_numpy(np.stack(arrays)[:, None].astype(dtype))
    return stack(images, np.float32), stack(labels, np.int64)


def train(network, images, labels, dtype):
    network = copy.deepcopy(network).to(dtype).train()
    optimizer, loss_of, losses = torch.optim.Adam(network.parameters(), **ADAM), DiceLoss(to_onehot_y=True, softmax=True), []
    for step in range(STEPS):
        own = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = loss_of(network(images[own].to(dtype)), labels[own])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", help="scans, each followed by its labels")
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", type=int, nargs=3, default=[48, 48, 48])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pairs = list(zip(options.files[::2], options.files[1::2]))
    images, labels = crops(pairs, options.size, np.random.default_rng(options.seed))
    torch.manual_seed(options.seed)
    network = monai.networks.nets.UNet(**NETWORK)
    state = {k: v.clone() for k, v in network.state_dict().items()}
    exact, single = train(network, images, labels, torch.float64), train(network, images, labels, torch.float32)
    drift = ((single - exact) / exact).abs()
    print(f"loss {exact[0]:.4f} -> {exact[-1]:.4f}; PyTorch's float32 and float64: relative difference at most "
          f"{drift.max():.1e}, at step {int(drift.argmax()) + 1}")
    capture = dict(
        version=1, kind="training", op="UNet", network_def={"_target_": "monai.networks.nets.UNet", **NETWORK},
        params={"loss": "dice(to_onehot_y, softmax)", "optimizer": "adam", **ADAM, "steps": STEPS, "batch": BATCH},
        made_with=dict(torch=torch.__version__, monai=monai.__version__))
    tensors = {f"param.{k}": v for k, v in state.items()}
    tensors |= {"in.input": images, "in.target": labels, "out.losses": exact.float()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, options.out, metadata={"capture": json.dumps(capture)})


if __name__ == "__main__":
    main()
