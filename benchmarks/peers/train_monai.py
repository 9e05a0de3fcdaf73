"""Trains the network of a MedSeg configuration with MONAI, to compare the Dice that both reach.

Reads the resolved configuration of a MedSeg run (RUN/config.json) and its split, and trains MONAI's network on the same
cases for the same number of steps with MONAI's transforms, MONAI's loss and PyTorch's Adam. It keeps the best weights by
validation as MedSeg does, and measures the test cases on their own grids. It supports only the options of the preset
`tutorial`.

    pip install torch monai nibabel
    python benchmarks/peers/train_monai.py runs/tutorial --data phantoms --split split.json
"""
import argparse
import json
import pathlib
import time

import monai.networks.nets
import nibabel
import numpy as np
import torch
from monai import transforms as tf
from monai.data import CacheDataset, DataLoader, MetaTensor, list_data_collate
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss, DiceLoss

KEYS = ["image", "label"]


def preprocessing(config, keys):
    intensity = config["preprocessing"]["intensity"]
    return [
        tf.LoadImaged(keys),
        tf.EnsureChannelFirstd(keys),
        tf.Orientationd(keys, axcodes=config["preprocessing"]["orientation"]),
        tf.Spacingd(keys, pixdim=config["preprocessing"]["pixdim"], mode=("bilinear", "nearest")[: len(keys)]),
        tf.ScaleIntensityRanged(
            ["image"], intensity["a_min"], intensity["a_max"], intensity["b_min"], intensity["b_max"], clip=True
        ),
        tf.CropForegroundd(keys, source_key="image", allow_smaller=False),
    ]


def patches(config):
    sampling = config.get("sampling", {})
    steps = [
        tf.SpatialPadd(KEYS, spatial_size=config["roi_size"]),
        tf.RandCropByPosNegLabeld(
            KEYS, label_key="label", spatial_size=config["roi_size"], pos=sampling.get("pos", 1),
            neg=sampling.get("neg", 1), num_samples=sampling.get("samples_per_volume", 2), image_key="image",
            image_threshold=0,
        ),
    ]
    known = {"flip", "rotate90", "scale_intensity", "shift_intensity"}
    augmentation = config.get("augmentation") or {}
    assert set(augmentation) <= known, f"augmentation beyond {known}"
    if "flip" in augmentation:
        flip = augmentation["flip"]
        steps += [tf.RandFlipd(KEYS, prob=flip["prob"], spatial_axis=a) for a in flip.get("axes", [0, 1, 2])]
    if "rotate90" in augmentation:
        steps.append(tf.RandRotate90d(KEYS, prob=augmentation["rotate90"]["prob"], max_k=3))
    if "scale_intensity" in augmentation:
        scale = augmentation["scale_intensity"]
        steps.append(tf.RandScaleIntensityd(["image"], factors=scale["factors"], prob=scale["prob"]))
    if "shift_intensity" in augmentation:
        shift = augmentation["shift_intensity"]
        steps.append(tf.RandShiftIntensityd(["image"], offsets=shift["offsets"], prob=shift["prob"]))
    return steps


def dice(a, b):
    return 2 * float((a & b).sum()) / max(1, float(a.sum() + b.sum()))


class Training:
    def __init__(self, config, cases, split, seed):
        monai.utils.set_determinism(seed)
        self.config, self.cases = config, cases
        network = dict(config["network_def"])
        self.network = getattr(monai.networks.nets, network.pop("_target_").split(".")[-1])(**network)
        optimizer = config["optimizer"]
        assert optimizer.get("name", "adam") == "adam", "only Adam is compared"
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), optimizer["learning_rate"], weight_decay=optimizer.get("weight_decay", 0)
        )
        loss = {"dice": DiceLoss, "dice_ce": DiceCELoss}[config.get("loss", {}).get("name", "dice")]
        self.loss = loss(to_onehot_y=True, softmax=True)
        self.validation = [tf.Compose(preprocessing(config, KEYS))(cases[name]) for name in split["validation"]]
        training = CacheDataset(
            [cases[name] for name in split["training"]], tf.Compose(preprocessing(config, KEYS) + patches(config)),
            progress=False,
        )
        self.loader = DataLoader(
            training, batch_size=config.get("sampling", {}).get("volumes_per_batch", 1), shuffle=True,
            collate_fn=list_data_collate,
        )

    def logits(self, image):
        with torch.no_grad():
            return sliding_window_inference(
                image, self.config["roi_size"], 4, self.network, overlap=self.config.get("overlap", 0.25),
                mode=self.config.get("mode", "constant"),
            )

    def validate(self):
        self.network.eval()
        scores = [
            dice(self.logits(case["image"][None]).argmax(1)[0] == 1, case["label"][0] == 1) for case in self.validation
        ]
        self.network.train()
        return float(np.mean(scores))

    def run(self):
        iterations, every = self.config["iterations"], self.config["validate_every"]
        best, weights, step, begun = -1.0, None, 0, time.time()
        self.network.train()
        while step < iterations:
            for batch in self.loader:
                if step == iterations:
                    break
                self.optimizer.zero_grad()
                loss = self.loss(self.network(batch["image"].as_tensor()), batch["label"].as_tensor())
                loss.backward()
                self.optimizer.step()
                step += 1
                if step % every == 0:
                    score = self.validate()
                    print(f"step {step}: loss {loss.item():.4f}, validation Dice {score:.4f}", flush=True)
                    if score > best:
                        best, weights = score, {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(weights)
        self.network.eval()
        return time.time() - begun

    def test(self, names):
        """The Dice of each case on its own grid, to which MONAI's inverse transforms restore the prediction."""
        scores = {}
        chain = tf.Compose(preprocessing(self.config, ["image"]))
        back = tf.Invertd("pred", transform=chain, orig_keys="image", nearest_interp=False, to_tensor=True)
        for name in names:
            data = chain({"image": self.cases[name]["image"]})
            # Only an array with a history is inverted, and any history is accepted: the probabilities get the scan's
            # history.
            probabilities = MetaTensor(self.logits(data["image"][None]).as_tensor().softmax(1)[0])
            restored = back({**data, "pred": probabilities})["pred"].argmax(0).numpy() == 1
            truth = np.asarray(nibabel.load(self.cases[name]["label"]).dataobj) == 1
            scores[name] = dice(restored, truth)
        return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=pathlib.Path, help="a MedSeg run folder, for its config.json")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the dataset's folder")
    parser.add_argument("--split", type=pathlib.Path, required=True, help="training, validation and test cases")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    index = json.loads((arguments.data / "dataset.json").read_text())
    cases = {
        pathlib.Path(pair["image"]).name.removesuffix(".nii.gz"):
        {key: str(arguments.data / pair[key]) for key in KEYS} for pair in index["training"]
    }
    config = json.loads((arguments.run / "config.json").read_text())
    split = json.loads(arguments.split.read_text())
    training = Training(config, cases, split, arguments.seed)
    seconds = training.run()
    scores = training.test(split["test"])
    print(json.dumps({
        "monai": monai.__version__, "torch": torch.__version__, "steps": config["iterations"],
        "seconds": round(seconds), "dice": {k: round(v, 4) for k, v in scores.items()},
        "mean_dice": round(float(np.mean(list(scores.values()))), 4),
    }))


if __name__ == "__main__":
    main()
