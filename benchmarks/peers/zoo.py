"""Compares `medseg predict --bundle` with `python -m monai.bundle run` on the bundles of Project-MONAI/model-zoo.

    zoo.py MEDSEG MODELS WORK [NAME…]

MODELS is the folder `models` of a snapshot of github.com/Project-MONAI/model-zoo; bundles that do not segment 3-D scans are
left out. The zoo's weights are not used: MONAI builds each network with random weights and shifts the last bias until all
classes have about equal shares of a synthetic scan. MONAI and MedSeg then predict that scan with the published
configuration; VISTA3D has smaller windows and a prompt of three classes. WORK/table.md has a row for each bundle, with the
number of voxels that differ, or the reason why MedSeg or MONAI does not run the bundle. Two masks count as equal if at most
3 voxels, or 1 voxel in 10,000, differ, because rounding decides between classes that are equally probable. The script fails
if the result of a bundle is not the one in EXPECTED, or if EXPECTED does not list the bundle.

Needs the packages of requirements.txt, and itk and pandas for the bundles that use them. Tested with model-zoo dfae206.
"""
import glob
import inspect
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import nibabel
import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import list_data_collate
from monai.networks import nets

# The maximum difference that rounding explains.
MOST_VOXELS, MOST_SHARE = 3, 1e-4
# The number of voxels from which the class biases are computed.
SAMPLE = 20000
# The size of the scan on the network's grid, in windows: more than one window along an axis, and padding along another.
REACH = (1.2, 1.0, 0.7)
# The window and the size of the scan, in windows, if the network's input is the whole scan, whose size must be divisible by
# the network's strides.
WHOLE, WHOLE_REACH = (64, 64, 64), (1.0, 0.75, 0.5)

# The entries of a bundle's configuration that both programs change, and the entries of its data besides the image.
CHANGES = {"vista3d": {"patch_size": [64, 64, 64]}}
PROMPTS = {"vista3d": {"label_prompt": [3, 2, 115]}}

# The expected result of each bundle of the zoo: an equal mask, or a refusal by MedSeg.
EXPECTED = {
    "brats_mri_segmentation": "equal",
    "multi_organ_segmentation": "equal",
    "pancreas_ct_dints_segmentation": "equal",
    "pediatric_abdominal_ct_segmentation": "equal",
    "prostate_mri_anatomy": "MedSeg refuses",
    "renalStructures_CECT_segmentation": "MedSeg refuses",
    "renalStructures_UNEST_segmentation": "equal",
    "segmentation_template": "equal",
    "spleen_ct_segmentation": "equal",
    "spleen_deepedit_annotation": "MedSeg refuses",
    "swin_unetr_btcv_segmentation": "equal",
    "ventricular_short_axis_3label": "equal",
    "vista3d": "equal",
    "wholeBody_ct_segmentation": "equal",
    "wholeBrainSeg_Large_UNEST_segmentation": "equal",
}


def config_file(bundle):
    return next((f for e in ("json", "yaml", "yml") for f in [bundle / f"configs/inference.{e}"] if f.exists()), None)


def segments_scans(bundle):
    """Whether a bundle labels the voxels of scans: by its metadata, or because it processes the slices of a scan."""
    config = config_file(bundle)
    metadata = bundle / "configs/metadata.json"
    if config is None or not metadata.exists():
        return False
    pred = json.loads(metadata.read_text()).get("network_data_format", {}).get("outputs", {}).get("pred", {})
    is_mask = pred.get("format") in ("segmentation", "labels") and pred.get("type") == "image"
    return is_mask and (len(pred.get("spatial_shape", [])) == 3 or "SliceInferer" in config.read_text())


class Bundle:
    """A copy of a bundle of the zoo with an input and random weights."""

    def __init__(self, source, work):
        self.name, self.work = source.name, work
        self.folder = work / "bundle"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(source, self.folder)
        (self.folder / "models").mkdir(exist_ok=True)
        self.config = config_file(self.folder)
        self.dropped = []
        self.overrides = {"bundle_root": str(self.folder), "output_dir": str(work / "monai")}
        self.parser = ConfigParser()
        self.parser.read_config(str(self.config))
        self.drop_old_arguments()
        sys.path.insert(0, str(self.folder))
        self.parser.parse()
        self.changes = CHANGES.get(self.name, {})
        self.update(self.changes)
        self.update(self.overrides)
        if "arch_ckpt_path" in self.parser:
            self.write_architecture()

    def drop_old_arguments(self):
        """Removes, for MONAI, arguments of the network that MONAI no longer accepts, such as SwinUNETR's img_size."""
        definition = self.parser["network_def"]
        target = definition.get("_target_", "") if isinstance(definition, dict) else ""
        network = getattr(nets, target.split(".")[-1], None)
        if network is None or target.startswith("scripts."):
            return
        known = inspect.signature(network).parameters
        self.dropped = [key for key in definition if key not in known and not key.startswith("_")]
        if self.dropped:
            for key in self.dropped:
                del self.parser["network_def"][key]
            self.config = self.work / "monai.json"
            ConfigParser.export_config_file(self.parser.get(), str(self.config))

    def update(self, overrides):
        self.overrides |= overrides
        self.parser.update(overrides)
        self.parser.parse()

    def content(self, key):
        return self.parser.get_parsed_content(key)

    def write_architecture(self):
        """Writes a random architecture instead of the searched one, in the format of these bundles' `search.yaml`.

        The file contains NumPy arrays, which PyTorch 2.6 and later read only on request, and the configuration requests a
        GPU; both are changed for MONAI alone.
        """
        random = np.random.default_rng(5)
        blocks, depths = (self.parser[f"dints_space#{key}"] for key in ("num_blocks", "num_depths"))
        paths = 3 * depths - 2
        ins = np.array([(i + 1) // 3 - 1 + (i + 1) % 3 for i in range(paths)])
        outs = np.array(([m for m in range(depths) for _ in range(3)])[1:-1])
        nodes = np.ones((blocks + 1, depths), int)
        codes = np.zeros((blocks, paths), int)
        for block in range(blocks):
            # Every node of a block is reached by a path from a node of the block before it.
            for out in range(depths):
                choices = [p for p in range(paths) if outs[p] == out and nodes[block][ins[p]]]
                codes[block, random.choice(choices)] = 1
            codes[block] |= random.random(paths) < 0.15
        operations = random.integers(0, 5, (blocks, paths))
        torch.save({"node_a": nodes, "arch_code_a": codes, "arch_code_c": operations}, self.content("arch_ckpt_path"))
        self.update({"arch_ckpt": "$torch.load(@arch_ckpt_path, weights_only=False)", "dints_space#device": "cpu"})

    # ------------------------------------------------------------ the input
    def transform(self, name):
        """The arguments of the first transform of a class before the network, with references resolved."""
        # A list under another name is an expression here.
        chain = "preprocessing#transforms" if "preprocessing#transforms#0" in self.parser else "preprocessing_transforms"
        for number in range(len(self.content("preprocessing").transforms)):
            place = f"{chain}#{number}"
            item = self.parser[place] if place in self.parser else None
            if isinstance(item, dict) and item.get("_target_", "").endswith(name):
                return {key: self.content(f"{place}#{key}") for key in item if key in ("pixdim", "a_min", "a_max")}
        return {}

    def window(self):
        inferer = self.content("inferer")
        return [int(extent) for extent in getattr(inferer, "roi_size", None) or WHOLE]

    def write_scans(self):
        """Writes scans of smooth shapes and noise, with an orientation other than the network's, and borders of zeros."""
        random = np.random.default_rng(3)
        window = self.window()
        reach = REACH if hasattr(self.content("inferer"), "roi_size") else WHOLE_REACH
        if len(window) == 2:
            window = window + [7]
        pixdim = np.asarray(self.transform("Spacingd").get("pixdim", (1.0, 1.0, 1.0)), float)
        ranged = self.transform("ScaleIntensityRanged")
        low, high = ranged.get("a_min", 0), ranged.get("a_max", 800)
        spacing = pixdim * (1.3 if self.transform("Spacingd") else 1)
        size = [max(4, round(r * w * p / s)) for r, w, p, s in zip(reach, window, pixdim, spacing)]
        affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
        affine[:3, 3] = (71.5, 60.25, -33.0)
        paths = []
        for channel in range(self.channels()):
            grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in size], indexing="ij"))
            values = np.zeros(size)
            for _ in range(12):
                centre, width = random.uniform(-0.8, 0.8, 3), random.uniform(0.1, 0.4)
                bump = np.exp(-((grid - centre[:, None, None, None]) ** 2).sum(0) / width**2)
                values += random.uniform(-1, 1) * bump
            values = low + (high - low) * np.clip(0.5 + 0.5 * values + 0.05 * random.standard_normal(size), 0.02, 0.98)
            values[:3], values[:, -2:] = low, low
            path = self.work / "input" / f"case_{channel:04d}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values.round().astype(np.int16), affine), path)
            paths.append(str(path))
        self.scans = paths
        image = paths if len(paths) > 1 else paths[0]
        # The path of a result in the output folder is its scan's path relative to dataset_dir.
        prompt = PROMPTS.get(self.name, {})
        if prompt:
            self.changes |= {"dataset#data": [prompt]}
        self.update({"dataset#data": [{"image": image} | prompt], "dataloader#num_workers": 0, "dataset_dir": str(self.work / "input")})

    def channels(self):
        definition = self.parser["network_def"]
        return int(self.content("network_def#in_channels" if isinstance(definition, dict) else "input_channels"))

    # ------------------------------------------------------------ the weights
    def write_weights(self):
        """Writes random weights that give classes of about equal size on the first window of the scan."""
        torch.manual_seed(7)
        network = self.content("network_def").eval()
        if self.name in PROMPTS:
            # The logits of a prompt have no bias. Those of random weights are on both sides of 0.
            return torch.save(network.state_dict(), self.loader()["load_path"])
        data = list_data_collate([self.content("preprocessing")(self.content("dataset#data")[0])])
        image = torch.as_tensor(data["image"]).float()
        if len(self.window()) == 2:
            image = image[..., image.shape[-1] // 2]
        image, seen = centred(image, self.window())
        norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        with torch.no_grad():
            for norm in norms:
                norm.momentum = 1.0
                norm.train()
            if norms:
                network(image)
            network.eval()
            logits = network(image)
            bias = last_bias(network, image, logits)
            flat = logits[(..., *seen)].transpose(0, 1).flatten(1)
            flat = flat[:, torch.randperm(flat.shape[1])[:SAMPLE]]
            bias += even(flat) if self.is_exclusive() else -flat.kthvalue(int(0.8 * flat.shape[1]), 1).values
        torch.save(network.state_dict(), self.loader()["load_path"])

    def is_exclusive(self):
        """Whether each voxel has exactly one class."""
        return "threshold" not in json.dumps(self.parser["postprocessing"])

    def loader(self):
        handlers = [f"handlers#{n}" for n in range(len(self.parser["handlers"]))]
        for place in ["checkpointloader", *handlers]:
            if place in self.parser and "load_path" in self.parser[place]:
                return {"load_path": self.content(f"{place}#load_path")}
        raise LookupError("the configuration has no CheckpointLoader")

    # ------------------------------------------------------------ the two programs
    def predict(self, medseg):
        out = self.work / "medseg"
        changes = [f"--bundle-set={key}={json.dumps(value)}" for key, value in self.changes.items()]
        return self.mask(out, [medseg, "predict", *self.scans, "--bundle", self.folder, "--out", out, "--device", "cpu",
                               "--quiet", *changes])

    def run_monai(self):
        run = next((key for key in ("run", "evaluating", "inference") if key in self.parser), "run")
        options = [f"--{key}={value if isinstance(value, str) else json.dumps(value)}"
                   for key, value in self.overrides.items()]
        command = [sys.executable, "-m", "monai.bundle", "run", run, "--config_file", self.config, *options]
        return self.mask(self.work / "monai", command)

    def mask(self, out, command):
        """The mask that a program writes and its time in seconds; raises RuntimeError with its last words if it fails."""
        start = time.monotonic()
        done = subprocess.run([str(part) for part in command], cwd=self.folder, capture_output=True, text=True)
        (self.work / f"{out.name}.log").write_text(done.stdout + done.stderr)
        files = sorted(glob.glob(f"{out}/**/*.nii.gz", recursive=True))
        if done.returncode or not files:
            words = done.stderr.strip() or "wrote nothing"
            first = re.search(r"^\w+(?:Error|Exception): .*$", words, re.MULTILINE)
            raise RuntimeError(words if out.name == "medseg" or not first else first.group())
        return np.asanyarray(nibabel.load(files[0]).dataobj).squeeze(), time.monotonic() - start


def centred(image, window):
    """The window in the middle of an image, with zeros around a smaller image, and the position of the image in it."""
    spare = [max(w - n, 0) for n, w in zip(image.shape[2:], window)]
    pads = [amount for extra in reversed(spare) for amount in (extra // 2, extra - extra // 2)]
    image = torch.nn.functional.pad(image, pads)
    for axis, extent in enumerate(window):
        image = image.narrow(axis + 2, (image.shape[axis + 2] - extent) // 2, extent)
    return image, [slice(extra // 2, extent - (extra - extra // 2)) for extra, extent in zip(spare, window)]


def last_bias(network, image, logits):
    """The bias that shifts the logits of each class separately: the bias of the last convolution that has one."""
    classes = logits.shape[1]
    for module in reversed(list(network.modules())):
        bias = getattr(module, "bias", None)
        if not isinstance(bias, torch.Tensor) or bias.numel() != classes:
            continue
        shift = torch.arange(1.0, classes + 1)
        bias += shift
        moved = network(image) - logits
        bias -= shift
        if torch.allclose(moved, shift.view(1, -1, *[1] * (logits.ndim - 2)).expand_as(moved), atol=1e-2):
            return bias
    raise LookupError("the network has no bias that moves its logits")


def even(logits):
    """The number to add to each class of [classes, voxels], so that each class is the largest about equally often."""
    count = len(logits)
    shift = -logits.mean(1)
    spread = float(logits.std(1).mean())
    for step in range(1000):
        share = torch.bincount((logits + shift[:, None]).argmax(0), minlength=count) / logits.shape[1]
        shift += spread * (1 / count - share) * count * 0.3 / (1 + step / 40)
    return shift


def examine(medseg, source, work):
    """The row of a bundle: the result and its reason."""
    try:
        bundle = Bundle(source, work)
        bundle.write_scans()
        bundle.write_weights()
    except Exception as error:  # Classes of the bundle may need values that none of its files contains.
        own = sorted(set(re.findall(r"\bscripts(?:\.\w+)+", config_file(source).read_text())))
        asked = subprocess.run([medseg, "info", source], capture_output=True, text=True)
        reason = one_line(asked.stderr, source) if asked.returncode else "nothing of its own accord"
        return (f"not compared ({type(error).__name__}: {one_line(str(error), source)}; own code: "
                f"{', '.join(own) or 'none'}); MedSeg refuses: {reason}")
    try:
        ours, seconds = bundle.predict(medseg)
    except RuntimeError as error:
        return "MedSeg refuses: " + one_line(str(error), bundle.folder)
    try:
        theirs, their_seconds = bundle.run_monai()
    except RuntimeError as error:
        return f"MONAI fails: {error}"
    if ours.shape != theirs.shape:
        return f"DIFFERENT shapes: {ours.shape} and MONAI's {theirs.shape}"
    different = int((ours != theirs).sum())
    classes, counts = np.unique(theirs, return_counts=True)
    verdict = "equal" if different <= max(MOST_VOXELS, MOST_SHARE * ours.size) else "DIFFERENT"
    return (f"{verdict}: {different} of {ours.size} voxels differ; {len(classes)} values, the rarest "
            f"{100 * counts.min() / ours.size:.1f} % of the voxels; {seconds:.0f} s, MONAI {their_seconds:.0f} s"
            + (f"; MONAI without {', '.join(bundle.dropped)}" if bundle.dropped else ""))


def one_line(text, folder):
    """A message without the folder's path and without line breaks."""
    return " ".join(text.replace(f"{folder}/", "").split())


def main():
    medseg, models, work = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    if sys.argv[4:5] == ["--one"]:
        return print(examine(medseg, models / sys.argv[5], work / sys.argv[5]))
    names = sys.argv[4:] or sorted(folder.name for folder in models.iterdir() if segments_scans(folder))
    work.mkdir(parents=True, exist_ok=True)
    rows, surprises = [], []
    for name in names:
        # Each bundle runs in its own process, because bundles use the same names for their own modules.
        one = subprocess.run([sys.executable, __file__, *map(str, (medseg, models, work)), "--one", name],
                             capture_output=True, text=True)
        row = one.stdout.strip().splitlines()[-1] if one.returncode == 0 else one.stderr.strip().splitlines()[-1]
        rows.append(f"| {name} | {row} |")
        expected = EXPECTED.get(name, "an entry of EXPECTED")
        if not re.search(rf"\b{expected}\b", row):
            surprises.append(f"{name}: expected {expected}: {row}")
        print(rows[-1], flush=True)
        (work / "table.md").write_text("\n".join(rows) + "\n")
    sys.exit("\n".join(surprises) or None)


if __name__ == "__main__":
    main()
