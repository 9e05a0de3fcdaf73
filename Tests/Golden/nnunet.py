"""Write nnunet.json: what nnU-Net computes beside its networks, for SegNNUNetTests.

    pip install nnunetv2
    python nnunet.py

Resampling to a spacing and back, of images, outputs and label maps; places and weights of windows; normalisation inside the
outline. Images are the formula of models.py.
"""
import json
import pathlib

import numpy as np
import torch
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from nnunetv2.preprocessing.cropping.cropping import create_nonzero_mask
from nnunetv2.preprocessing.normalization.default_normalization_schemes import ZScoreNormalization
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape, resample_data_or_seg_to_shape
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet
from scipy import ndimage

# Extents, spacing, spacing that is wanted.
GRIDS = {
    "finer": ((9, 8, 10), (1.5, 1.2, 1.9), (1.0, 0.8, 1.1)),
    "coarser": ((12, 9, 10), (1.0, 1.0, 0.9), (1.5, 2.3, 1.4)),
    "long_slices": ((5, 12, 11), (5.0, 1.0, 1.0), (3.1, 1.3, 1.3)),
    "long_rows": ((12, 11, 5), (1.0, 0.9, 4.0), (1.3, 1.3, 4.0)),
    "long_afterwards": ((10, 6, 7), (2.0, 1.5, 1.5), (5.0, 1.0, 1.0)),
    "two_long": ((4, 5, 9), (4.0, 4.0, 1.0), (2.0, 2.5, 2.0)),
    "one_slice": ((1, 9, 8), (2.0, 1.0, 1.0), (1.0, 1.5, 0.7)),
}


def value(stream, count):
    """count numbers in -0.5 ..< 0.5 from a hash of (stream, index)."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + stream * 40503) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    h = (h * 2246822519) & 0xFFFFFFFF
    h ^= h >> np.uint64(13)
    return h.astype(np.float64) / 2**32 - 0.5


def rounded(array):
    return [float(f"{v:.8g}") for v in np.asarray(array).reshape(-1).tolist()]


def grid(shape, current, new):
    image = value(1, int(np.prod(shape))).reshape((1, *shape)).astype(np.float32)
    target = compute_new_shape(shape, current, new)
    args = dict(is_seg=False, order_z=0, force_separate_z=None)
    data = resample_data_or_seg_to_shape(image, target, current, new, order=3, **args)
    linear = np.asarray(resample_torch_fornnunet(image, target, current, new, force_separate_z=None))
    outputs = value(2, 2 * int(np.prod(target))).reshape((2, *target)).astype(np.float32)
    back = resample_data_or_seg_to_shape(outputs, shape, new, current, order=1, **args)
    labels = np.floor((value(3, int(np.prod(shape))) + 0.5) * 3).reshape((1, *shape)).astype(np.float32)
    seg = resample_data_or_seg_to_shape(labels, target, current, new, is_seg=True, order=1, order_z=0,
                                        force_separate_z=None)
    return dict(shape=list(shape), current=list(current), new=list(new), target=[int(v) for v in target],
                cubic=rounded(data), linear=rounded(linear), back=rounded(back), labels=rounded(seg))


def window(image, tile, step):
    steps = compute_steps_for_sliding_window(image, tile, step)
    weights = compute_gaussian(tile, sigma_scale=1 / 8, value_scaling_factor=10, device=torch.device("cpu"))
    return dict(image=list(image), window=list(tile), step=step, starts=[[int(v) for v in axis] for axis in steps],
                weights=rounded(weights.float().numpy()))


def zoom(shape, edges, edge):
    """TotalSegmentator's way to its models' edges and back."""
    image = np.floor(value(5, int(np.prod(shape))).reshape(shape) * 2000).astype(np.float64)
    small = ndimage.zoom(image, np.array(edges, np.float32).astype(float) / edge, order=1, mode="nearest").astype(np.int32)
    labels = np.floor((value(6, small.size) + 0.5) * 5).reshape(small.shape)
    back = ndimage.zoom(labels, np.array(shape) / np.array(small.shape), order=0, mode="nearest").astype(np.uint8)
    return dict(shape=list(shape), edges=list(edges), edge=edge, size=list(small.shape), values=small.reshape(-1).tolist(),
                labels=back.reshape(-1).tolist())


def outline():
    """A hollow box: what it encloses counts, what lies outside does not."""
    image = np.zeros((1, 7, 8, 9), np.float32)
    image[0, 1:6, 1:7, 2:8] = 3 + value(4, 5 * 6 * 6).reshape(5, 6, 6)
    image[0, 2:5, 3:5, 4:6] = 0
    mask = create_nonzero_mask(image)
    seg = np.where(mask, 0, -1)
    scheme = ZScoreNormalization(use_mask_for_norm=True, intensityproperties={})
    return dict(image=rounded(image), normalised=rounded(scheme.run(image[0].copy(), seg)))


if __name__ == "__main__":
    golden = dict(zooms=[zoom((7, 9, 8), (0.9, 1.2, 2.5), 1.5), zoom((5, 6, 12), (3.0, 2.0, 1.0), 3.0)], grids={name: grid(*case) for name, case in GRIDS.items()}, outline=outline(),
                  windows=[window((20, 17, 10), (8, 6, 10), 0.5), window((9, 15, 32), (8, 5, 12), 0.7),
                           window((16, 10, 30), (8, 4, 12), 0.2), window((20, 9, 30), (8, 4, 12), 0.3)])
    path = pathlib.Path(__file__).with_name("nnunet.json")
    path.write_text(json.dumps(golden, separators=(",", ":")))
    print(path, path.stat().st_size)
