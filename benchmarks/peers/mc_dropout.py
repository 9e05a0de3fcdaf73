"""Computes Monte-Carlo dropout with PyTorch and MONAI, and compares `medseg predict --uncertainty` with it.

    python mc_dropout.py sample CT.nii.gz --weights W.safetensors --network N.json --passes 100 --seed 1 --out DIR
    python mc_dropout.py compare --passes 100 --ours DIR… --theirs DIR…

`sample` writes the mean and variance maps under MedSeg's file names. Only dropout layers are in training mode. A pass is
one sliding-window inference of the whole scan, with softmax after blending; both maps are resampled to the scan's grid
trilinearly. `compare` pools the runs of each side (different seeds, equal lengths) and divides the difference of the
means by its standard error, the root of the sum of variance / passes of both sides.
"""
import argparse
import glob
import json
import os
import pathlib

import nibabel
import numpy as np


def transforms(preprocessing):
    from monai.transforms import (Compose, CropForegroundd, EnsureChannelFirstd, LoadImaged, Orientationd,
                                  ScaleIntensityRanged, Spacingd)
    steps = [LoadImaged("image"), EnsureChannelFirstd("image"),
             Orientationd("image", axcodes=preprocessing["orientation"]),
             Spacingd("image", pixdim=preprocessing["pixdim"], mode="bilinear"),
             ScaleIntensityRanged("image", **preprocessing["intensity"])]
    if preprocessing["crop_foreground"]:
        steps.append(CropForegroundd("image", source_key="image", allow_smaller=False))
    return Compose(steps)


def network(definition, weights):
    import torch
    import monai.networks.nets as nets
    from safetensors.torch import load_file
    arguments = dict(definition)
    net = getattr(nets, arguments.pop("_target_").split(".")[-1])(**arguments)
    net.load_state_dict(load_file(weights))
    net.eval()
    dropouts = [m for m in net.modules() if isinstance(m, torch.nn.modules.dropout._DropoutNd) and m.p > 0]
    assert dropouts, "the network has no active dropout"
    for module in dropouts:
        module.train()
    return net


def sample(a):
    import torch
    from monai.inferers import sliding_window_inference
    from monai.transforms import Invertd
    torch.manual_seed(a.seed)
    config = json.loads(a.network.read_text())
    net = network(config["network_def"], a.weights)
    chain = transforms(config["preprocessing"])
    item = chain({"image": a.image})
    mean = squares = 0
    with torch.no_grad():
        for n in range(1, a.passes + 1):
            logits = sliding_window_inference(item["image"][None], config["roi_size"], 4, net,
                                              overlap=config["overlap"], mode=config["mode"])
            foreground = 1 - logits.softmax(1)[:, 0].double()
            delta = foreground - mean
            mean = mean + delta / n
            squares = squares + delta * (foreground - mean)
    back = Invertd("pred", transform=chain, orig_keys="image", nearest_interp=False, to_tensor=True)
    affine = nibabel.load(a.image).affine
    stem = os.path.basename(a.image).split(".nii")[0]
    os.makedirs(a.out, exist_ok=True)
    for name, values in (("mean", mean), ("variance", squares / (a.passes - 1))):
        volume = back({**item, "pred": values.float()})["pred"].as_tensor().numpy()[0].astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(volume, affine), f"{a.out}/{stem}_uncertainty_{name}.nii.gz")


def pooled(folders, passes):
    def maps(name):
        return [nibabel.load(glob.glob(f"{folder}/*_uncertainty_{name}.nii.gz")[0]).get_fdata() for folder in folders]
    means = maps("mean")
    mean = np.mean(means, 0)
    within = sum((passes - 1) * v for v in maps("variance"))
    between = sum(passes * (m - mean) ** 2 for m in means)
    count = passes * len(folders)
    return mean, (within + between) / (count - 1), count


def compare(a):
    (m1, v1, n1), (m2, v2, n2) = pooled(a.ours, a.passes), pooled(a.theirs, a.passes)
    error = np.sqrt(v1 / n1 + v2 / n2)
    seen = error > 1e-4
    z = (m1 - m2)[seen] / error[seen]
    print(json.dumps({
        "passes": [n1, n2], "voxels_compared": int(seen.sum()),
        "difference_mean": float(np.abs(m1 - m2).mean()), "difference_largest": float(np.abs(m1 - m2).max()),
        "z_mean": float(z.mean()), "z_deviation": float(z.std()), "z_largest": float(np.abs(z).max()),
        "share_beyond_2": float((np.abs(z) > 2).mean()), "variance_ratio": float(v1[seen].sum() / v2[seen].sum()),
        "variance_correlation": float(np.corrcoef(v1[seen], v2[seen])[0, 1])}))


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
commands = parser.add_subparsers(required=True)
p = commands.add_parser("sample")
p.add_argument("image")
p.add_argument("--weights", required=True)
p.add_argument("--network", type=pathlib.Path, required=True)
p.add_argument("--passes", type=int, default=10)
p.add_argument("--seed", type=int, default=0)
p.add_argument("--out", required=True)
p.set_defaults(run=sample)
p = commands.add_parser("compare")
p.add_argument("--ours", nargs="+", required=True)
p.add_argument("--theirs", nargs="+", required=True)
p.add_argument("--passes", type=int, required=True, help="number of passes of each run")
p.set_defaults(run=compare)
arguments = parser.parse_args()
arguments.run(arguments)
