"""What MONAI's and nnU-Net's augmentations make of a small volume with given parameters, and the patches of a MONAI
pipeline over several epochs: writes augmentation_cores.json.

    python augmentation_cores.py        (MONAI 1.6.1, batchgeneratorsv2 0.3.6, NumPy)

The volume is f(i, j, k) = (i*37 + j*11 + k*5) % 23 - 4 over 7 x 8 x 6, the label (i*5 + j*3 + k*7) % 4.
"""
import json, pathlib
import numpy as np, torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from monai.networks.layers import GaussianFilter
from monai.transforms import (Affine, AdjustContrast, Compose, GaussianSmooth, RandAffined, RandCropByPosNegLabeld, RandFlipd,
                              RandGaussianSmoothd, RandRotate90d, RandSimulateLowResolution, Resample)
from monai.transforms.utils import create_grid

SIZE = (7, 8, 6)
i, j, k = np.meshgrid(*map(np.arange, SIZE), indexing="ij")
image = torch.tensor(((i * 37 + j * 11 + k * 5) % 23 - 4).astype(np.float32)[None])
label = torch.tensor(((i * 5 + j * 3 + k * 7) % 4).astype(np.float32)[None])


def numbers(x): return [float(f"{v:.8g}") for v in np.asarray(x).ravel().astype(float)]
def whole(x): return [int(v) for v in np.asarray(x).ravel()]
def pair(warp): return dict(image=numbers(warp(image, "bilinear")), label=whole(warp(label, "nearest")))


affine = []
for padding, turn, shear, scale in (("zeros", [0.4, -0.3, 0.7], [], []), ("border", [], [0.1, -0.2, 0.15, 0.05, -0.1, 0.2], [1.4, 0.7, 1.1]),
                                    ("reflection", [0.5, 0.2, -1.1], [0.1, -0.2, 0.15, 0.05, -0.1, 0.2], [1.9, 2.2, 0.8])):
    warp = Affine(rotate_params=turn or None, shear_params=shear or None, scale_params=scale or None, padding_mode=padding, image_only=True)
    affine.append(dict(rotation=turn, shear=shear, scale=scale, padding=padding, **pair(lambda x, mode: warp(x, mode=mode))))

elastic = []
for padding, sigma, magnitude in (("zeros", 1.3, 5), ("border", 0.8, 3), ("reflection", 2.1, 9)):
    field = torch.tensor(np.stack([((i * 13 + j * 7 + k * 3 + a * 5) % 17) / 8 - 1 for a in range(3)]).astype(np.float32))
    grid = create_grid(SIZE, backend="torch")
    grid[:3] += GaussianFilter(3, sigma, 3.0)(field[None])[0] * magnitude
    resample = Resample(padding_mode=padding)
    elastic.append(dict(sigma=sigma, magnitude=magnitude, padding=padding, **pair(lambda x, mode: resample(x, grid, mode=mode))))

blur = [dict(sigmas=s, image=numbers(GaussianSmooth(s)(image))) for s in ([0.7, 1.1, 0.4], [2.5, 0.25, 1.5])]


def nnunet(transform, **params): return numbers(transform._apply_to_image(image.clone(), apply_to_channel=torch.tensor([0]), **params))


brightness = [dict(factor=f, image=nnunet(MultiplicativeBrightnessTransform(1, False), multipliers=torch.tensor([f]))) for f in (0.8, 1.2)]
contrast = [dict(factor=f, image=nnunet(ContrastTransform((1, 1), True, False), multipliers=torch.tensor([f]))) for f in (0.75, 1.25)]
gamma = []
for g in (0.7, 1.5):
    for invert in (False, True):
        for retain in (False, True):
            ours = nnunet(GammaTransform(1, 0, False, 1, 0), gamma=torch.tensor([g]), invert_image=torch.tensor([invert]),
                          retain_stats=torch.tensor([retain]))
            monai = numbers(AdjustContrast(g, invert_image=invert, retain_stats=retain)(image))
            assert np.allclose(ours, monai, atol=1e-4)  # the two originals agree
            gamma.append(dict(exponent=g, inverts=invert, retains=retain, image=ours))
low = []
for zoom in (0.5, 0.63, 0.1, 1.0):
    theirs = RandSimulateLowResolution(prob=1, downsample_mode="nearest-exact", zoom_range=(zoom, zoom))(image)
    if zoom >= 0.2:  # nnU-Net's makes an empty grid of the coarsest
        assert np.allclose(theirs, np.reshape(nnunet(SimulateLowResolutionTransform(1, False, True, None), scales=torch.tensor([[zoom] * 3])),
                                              theirs.shape), atol=1e-5)
    low.append(dict(zoom=zoom, image=numbers(theirs)))

# Draws: which parameters MONAI's dictionary transforms take, seen in what they make.
chain = Compose([RandFlipd("unused", prob=0, allow_missing_keys=True), RandAffined(["image", "label"], prob=0.6, rotate_range=[0.5] * 3, shear_range=[0.2] * 6, scale_range=[(-0.25, 0.5)] * 3,
                             mode=("bilinear", "nearest"), padding_mode="border"),
                 RandGaussianSmoothd("image", (0.5, 1), (0.5, 1), (0.5, 1), prob=0.5)])
chain.set_random_state(seed=5)
drawn = []
for _ in range(6):
    d = chain({"image": image.clone(), "label": label.clone()})
    drawn.append(dict(image=numbers(d["image"]), label=whole(d["label"])))


# A training: two volumes of numbered voxels, two to a batch in MedSeg's order, three patches of each.
def mixed(seed, number, stream):
    h = (seed * 0x9E3779B9 ^ (number * 2 + stream)) & 0xFFFFFFFF
    for factor in (0x85EBCA6B, 0xC2B2AE35):
        h ^= h >> 16
        h = h * factor & 0xFFFFFFFF
    return h ^ h >> 16


def order(seed, epoch, count):
    r, o = np.random.RandomState(mixed(seed, epoch, 0)), list(range(count))
    for last in range(count - 1, 0, -1):
        other = r.randint(last + 1)
        o[last], o[other] = o[other], o[last]
    return o


def numbered(size):
    index = np.arange(np.prod(size)).reshape(size)
    return {"image": torch.tensor((index + 1).astype(np.float32)[None]), "label": torch.tensor((index % 7 == 3).astype(np.float32)[None])}


keys, volumes, seed = ["image", "label"], [numbered((9, 12, 10)), numbered((8, 7, 11)), numbered((6, 8, 9))], 11
chain = Compose([RandCropByPosNegLabeld(keys, label_key="label", spatial_size=(4, 4, 5), pos=1, neg=2, num_samples=3, image_key="image",
                                        image_threshold=40),
                 RandFlipd(keys, prob=0.5, spatial_axis=0), RandFlipd(keys, prob=0.5, spatial_axis=1), RandFlipd(keys, prob=0.5, spatial_axis=2),
                 RandRotate90d(keys, prob=0.5, max_k=3)])
chain.set_random_state(seed=seed)
patches = [[whole(p["image"]) for p in chain(volumes[v])] for epoch in range(4) for v in order(seed, epoch, 3)]

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(dict(affine=affine, elastic=elastic, blur=blur, brightness=brightness, contrast=contrast, gamma=gamma, low=low,
                                drawn=drawn, training=patches), separators=(",", ":")) + "\n")
