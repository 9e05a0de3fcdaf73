"""What MONAI's spatial transforms make of small volumes: writes imaging.json beside this file.

    python imaging.py        (MONAI 1.6.1, NumPy, torch; no randomness)

Each case takes the volume f(i, j, k) = (i*37 + j*11 + k*5) % 23 and the label f > 15 through Orientation, Spacing,
ScaleIntensityRange and CropForeground, then the network's volume v and v * v back with Invertd.
"""
import json, pathlib, warnings
import numpy as np, torch
from monai.data import MetaTensor
from monai.transforms import Compose, CropForegroundd, Invertd, Orientationd, ScaleIntensityRanged, Spacingd

warnings.filterwarnings("ignore")


def rotation(x, y, z):
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    return (np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
            @ np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]))


def affine(matrix, origin):
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = matrix, origin
    return out


shear = np.array([[1, 0, 0], [0, 1, 0.3], [0, 0, 1]])
cases = {
    "anisotropic": ((7, 6, 4), affine(np.diag([0.8, 0.9, 5.0]), [-20, -30, 10]), "RAS", [1.5, 1.0, 2.5], 0, 1),
    "flipped": ((6, 5, 7), affine(np.diag([-2.0, -2.0, 3.0]), [40, 50, -60]), "RAS", [1.0, 4.0, 1.5], 0, 1),
    "permuted": ((5, 7, 6), affine(np.array([[0, 0, -1.2], [2.0, 0, 0], [0, -1.6, 0]]), [1, 2, 3]), "RAS", [1.6, 1.0, 1.6], 1, 4),
    "oblique": ((6, 7, 5), affine(rotation(0.3, -0.2, 0.4) @ np.diag([1.0, 1.3, 3.0]), [5, 6, 7]), "LPS", [1.3, 1.0, 2.0], 0, 1),
    "sheared": ((6, 6, 6), affine(rotation(0.1, 0.0, 0.2) @ shear @ np.diag([1.0, 1.5, 2.0]), [0, 0, 0]), "RAS", [1.173, 1.107, 1.713], 0, 1),
    # A header's numbers have 32 bits, so the grids are not quite parallel; at twice the voxel size, voxels are restored from
    # halfway between two others. In 32 bits the rounding of every coordinate decides which.
    "rounded": ((12, 10, 8), np.float32(affine(rotation(0.1, 0, 0) @ np.diag([1.0, 1.0, 1.5]), [5, 6, 7])).astype(float), "RAS", [2.0, 2.0, 3.0], 0, 1),
    "rounded_more": ((10, 11, 9), np.float32(affine(rotation(0.3, -0.2, 0.4) @ np.diag([1.0, 1.0, 1.5]), [5, 6, 7])).astype(float), "RAS", [2.0, 2.0, 3.0], 0, 1),
    "unchanged": ((4, 5, 3), affine(np.diag([1.5, 1.5, 2.0005]), [3, 2, 1]), "RAS", [1.5, 1.5, 2.0], 2, 1),
}
single = {"rounded_single": "rounded", "rounded_more_single": "rounded_more"}
cases.update({name: cases[other] for name, other in single.items()})
result = {}
for name, (shape, matrix, codes, pixdim, margin, divisor) in cases.items():
    i, j, k = np.meshgrid(*map(np.arange, shape), indexing="ij")
    f = ((i * 37 + j * 11 + k * 5) % 23).astype(np.float32)
    item = {key: MetaTensor(torch.tensor(v[None]), affine=torch.tensor(matrix)) for key, v in
            (("image", f), ("label", (f > 15).astype(np.float32)))}
    chain = Compose([
        Orientationd(["image", "label"], axcodes=codes), Spacingd(["image", "label"], pixdim=pixdim, mode=("bilinear", "nearest"),
                 dtype=np.float32 if name in single else np.float64),
        ScaleIntensityRanged("image", a_min=6, a_max=20, b_min=0, b_max=1, clip=True),
        CropForegroundd(["image", "label"], source_key="image", margin=margin, k_divisible=divisor, allow_smaller=False)])
    out = chain(item)
    out["pred"] = torch.cat([out["image"], out["image"] ** 2])
    back = Invertd("pred", transform=chain, orig_keys="image", nearest_interp=False, to_tensor=True)(dict(out))["pred"]
    out["mask"] = out["label"].clone()
    mask = Invertd("mask", transform=chain, orig_keys="image", nearest_interp=True, to_tensor=True)(dict(out))["mask"]
    digits = lambda t: [float(f"{v:.7g}") for v in np.asarray(t, dtype=np.float64).ravel()]
    result[name] = dict(
        shape=list(shape), affine=matrix.ravel().tolist(), codes=codes, pixdim=pixdim, single=name in single, margin=margin, divisor=divisor,
        network_shape=list(out["image"].shape[1:]), network_affine=out["image"].affine.numpy().ravel().tolist(),
        image=digits(out["image"]), label=[int(v) for v in out["label"].numpy().ravel()],
        restored=digits(torch.as_tensor(np.asarray(back)).permute(1, 2, 3, 0)), restored_label=[int(v) for v in np.asarray(mask).ravel()])
path = pathlib.Path(__file__).with_name("imaging.json")
path.write_text("{\n" + ",\n".join(f'"{k}": ' + json.dumps(v, separators=(",", ":")) for k, v in result.items()) + "\n}\n")
