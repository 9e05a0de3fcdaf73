"""What NumPy's RandomState draws and MONAI's random transforms make of a small volume: writes augmentation.json.

    python augmentation.py        (MONAI 1.6.1, NumPy)

The volume is f(i, j, k) = (i*37 + j*11 + k*5) % 23 - 4 over 7 x 8 x 6, the label f > 11. The chain runs four times.
"""
import json, pathlib
import numpy as np, torch
from monai.transforms import (Compose, RandCropByPosNegLabeld, RandFlipd, RandRotate90d, RandScaleIntensityd,
                              RandShiftIntensityd)

draws = {}
for seed in (0, 42, 4294967295):
    r = np.random.RandomState(seed)
    draws[str(seed)] = dict(rand=[r.rand() for _ in range(3)], randint=[int(r.randint(n)) for n in (1, 2, 3, 10, 1000, 2**31, 2**33)],
                            uniform=[r.uniform(-0.1, 0.3) for _ in range(2)], late=[r.rand() for _ in range(700)][-1])

i, j, k = np.meshgrid(*map(np.arange, (7, 8, 6)), indexing="ij")
f = ((i * 37 + j * 11 + k * 5) % 23 - 4).astype(np.float32)
keys = ["image", "label"]
chains = {}
for name, size, pos, neg in (("balanced", (4, 5, 3), 1, 1), ("whole", (7, -1, 6), 1, 0), ("background", (3, 3, 3), 0, 1)):
    chain = Compose([
        RandCropByPosNegLabeld(keys, label_key="label", spatial_size=size, pos=pos, neg=neg, num_samples=3, image_key="image", image_threshold=0),
        RandFlipd(keys, prob=0.5, spatial_axis=0), RandFlipd(keys, prob=0.5, spatial_axis=2), RandRotate90d(keys, prob=0.7, max_k=3),
        RandScaleIntensityd("image", factors=0.1, prob=0.6), RandShiftIntensityd("image", offsets=0.2, prob=0.6)])
    chain.set_random_state(seed=7)
    patches = []
    for _ in range(4 if name == "balanced" else 1):
        for p in chain({"image": torch.tensor(f[None]), "label": torch.tensor((f > 11).astype(np.float32)[None])}):
            patches.append(dict(size=list(p["image"].shape[1:]), image=[float(f"{v:.8g}") for v in p["image"].numpy().ravel().astype(float)],
                                label=[int(v) for v in p["label"].numpy().ravel()]))
    chains[name] = dict(patch=[v if v > 0 else 0 for v in size], positive=pos, negative=neg, patches=patches)
path = pathlib.Path(__file__).with_name("augmentation.json")
path.write_text(json.dumps(dict(draws=draws, chains=chains), separators=(",", ":")) + "\n")
