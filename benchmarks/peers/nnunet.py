"""Compares training by nnU-Net's plans, and the results of their folds, with nnU-Net: benchmarks/peers/nnunet.py MEDSEG FOLDER

Small phantoms are planned and trained by MedSeg. nnU-Net must load the files of `--export-nnunet`, with the momenta of every
parameter, predict the same masks (one voxel of 10,000 may differ, because nnU-Net decides ties in 16 bits), and train for
one more epoch. From the checkpoint that nnU-Net then saves, MedSeg must predict the same masks and start a training run. For
five folds, the summaries and the postprocessing must equal nnU-Net's.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

MEDSEG, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2]).absolute()
NAME = "Dataset777_Blobs"
for variable, place in (("nnUNet_raw", "raw"), ("nnUNet_preprocessed", "preprocessed"), ("nnUNet_results", "results")):
    (FOLDER / place).mkdir(parents=True, exist_ok=True)
    os.environ[variable] = str(FOLDER / place)
os.environ["nnUNet_compile"] = "f"
os.environ["nnUNet_n_proc_DA"] = "0"
RAW, PREPARED, RESULTS = (FOLDER / place for place in ("raw", "preprocessed", "results"))

import numpy  # noqa: E402
import SimpleITK  # noqa: E402
import torch  # noqa: E402
from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder, load_summary_json  # noqa: E402
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO  # noqa: E402
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: E402
from nnunetv2.postprocessing.remove_connected_components import determine_postprocessing  # noqa: E402
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor  # noqa: E402
from nnunetv2.training.nnUNetTrainer.variants.training_length import nnUNetTrainer_Xepochs as lengths  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(2)
CPU = torch.device("cpu")
faults = []
checked = 0


def check(what, is_right):
    """Records a fault if a condition is false."""
    global checked
    checked += 1
    if not is_right:
        faults.append(what)


def medseg(*arguments):
    """Runs medseg and returns its output on both streams."""
    done = subprocess.run([MEDSEG, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"medseg {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def image(voxels):
    """A scan with a voxel spacing of 1 x 1 x 1.2 mm."""
    made = SimpleITK.GetImageFromArray(voxels)
    made.SetSpacing([1.0, 1.0, 1.2])
    return made


def write_dataset():
    """Six scans with a large and a small ball."""
    random = numpy.random.default_rng(3)
    for part in ("imagesTr", "labelsTr"):
        (RAW / NAME / part).mkdir(parents=True, exist_ok=True)
    for case in range(6):
        grid = numpy.indices((26, 30, 28)).transpose(1, 2, 3, 0)
        labels = numpy.zeros(grid.shape[:3], numpy.uint8)
        labels[((grid - [11 + case % 3, 13, 12]) ** 2).sum(-1) < 49] = 1
        labels[((grid - [18, 22 - case % 2, 20]) ** 2).sum(-1) < 14] = 2
        scan = random.normal(40, 30, labels.shape) + numpy.array([0, 90, 180])[labels]
        SimpleITK.WriteImage(image(scan.astype(numpy.float32)), str(RAW / NAME / f"imagesTr/case_{case}_0000.nii.gz"))
        SimpleITK.WriteImage(image(labels), str(RAW / NAME / f"labelsTr/case_{case}.nii.gz"))
    (RAW / NAME / "dataset.json").write_text(json.dumps({
        "channel_names": {"0": "CT"}, "labels": {"background": 0, "large": 1, "small": 2}, "numTraining": 6,
        "file_ending": ".nii.gz"}))


def plan():
    """Plans with MedSeg, and makes the networks narrower."""
    medseg("plan", RAW / NAME, "--out", PREPARED / NAME, "--quiet")
    for file in ("plans.json", "nnUNetPlans.json"):
        plans = json.loads((PREPARED / NAME / file).read_text())
        for configuration in plans["configurations"].values():
            arguments = configuration.get("architecture", {}).get("arch_kwargs")
            if arguments:
                arguments["features_per_stage"] = [min(6 * 2 ** n, 24) for n in range(arguments["n_stages"])]
        (PREPARED / NAME / file).write_text(json.dumps(plans))
    return PREPARED / NAME / "plans.json"


def predicted_by_nnunet(model, checkpoint, out):
    """Predicts the masks of all scans with nnU-Net."""
    predictor = nnUNetPredictor(device=CPU, perform_everything_on_device=False, verbose=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), (0,), checkpoint)
    out.mkdir(parents=True)
    for scan in sorted((RAW / NAME / "imagesTr").glob("*.nii.gz")):
        voxels, properties = SimpleITKIO().read_images([str(scan)])
        mask = predictor.predict_single_npy_array(voxels, properties)
        SimpleITKIO().write_seg(mask, str(out / scan.name.replace("_0000", "")), properties)
    return predictor


def compare_masks(what, ours, theirs, labels=None):
    """Compares the masks of two folders; one voxel of 10,000 may differ."""
    names = sorted(path.name for path in theirs.glob("*.nii.gz"))
    check(f"{what}: {len(names)} masks", len(names) == 6)
    apart, foreground = 0, 0
    for name in names:
        a, b = (SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / name))) for folder in (ours, theirs))
        apart += int((a != b).sum())
        foreground += int((b > 0).sum())
        check(f"{what}: {name} differs in {(a != b).sum()} of {a.size} voxels", (a != b).sum() <= a.size / 10_000)
    print(f"{what}: {apart} voxels of {len(names)} masks differ, {foreground} are foreground")


def exchange(plans, configuration, steps):
    """Exports a training run to nnU-Net, which predicts with it and, after whole epochs, continues it; imports the result."""
    run = FOLDER / f"run_{configuration}"
    medseg("train", "--nnunet-plan", plans, "--data", RAW / NAME, "--configuration", configuration, "--fold", "0", "--out", run,
           "--export-nnunet", RESULTS, "--set", f"iterations={steps}", "--set", "pseudo_dice.batches=2", "--set", "cache=none",
           "--quiet")
    model = RESULTS / NAME / f"nnUNetTrainer_1epoch__nnUNetPlans__{configuration}"
    predictor = predicted_by_nnunet(model, "checkpoint_final.pth", FOLDER / f"theirs_{configuration}")
    medseg("predict", RAW / NAME / "imagesTr", "--nnunet", model, "--out", FOLDER / f"ours_{configuration}", "--quiet")
    compare_masks(f"{configuration} of MedSeg", FOLDER / f"ours_{configuration}", FOLDER / f"theirs_{configuration}")
    checkpoint = torch.load(model / "fold_0/checkpoint_final.pth", map_location="cpu", weights_only=True)
    check(f"{configuration}: the arrays differ from nnU-Net's",
          set(checkpoint["network_weights"]) == set(predictor.network.state_dict()))
    own = load_file(run / "checkpoint.safetensors")
    names = [name for name, _ in predictor.network.named_parameters()]
    state = checkpoint["optimizer_state"]["state"]
    for number, name in enumerate(names):
        momentum = own[f"optimizer.momentum_buffer.{name}"]
        written = state[number]["momentum_buffer"] if number in state else torch.zeros_like(momentum)
        check(f"{configuration}: the momentum of {name}", torch.equal(written.reshape(momentum.shape), momentum))
    if steps < 250:
        return
    DefaultPreprocessor(verbose=False).run(777, configuration, "nnUNetPlans", 1)
    shutil.copytree(RAW / NAME / "labelsTr", PREPARED / NAME / "gt_segmentations", dirs_exist_ok=True)
    trainer = lengths.nnUNetTrainer_1epoch(
        {**json.loads((PREPARED / NAME / "nnUNetPlans.json").read_text()), "continue_training": True}, configuration, 0,
        json.loads((PREPARED / NAME / "dataset.json").read_text()), CPU)
    # The learning rate falls over the epochs, and is 0 after the last one.
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = steps // 250 + 1, 4, 2
    trainer.load_checkpoint(str(model / "fold_0/checkpoint_final.pth"))
    check("the epoch from which nnU-Net continues", trainer.current_epoch == steps // 250)
    check("the logs with which nnU-Net continues", len(trainer.logger.get_value("train_losses", None)) == steps // 250)
    trainer.run_training()
    losses = trainer.logger.get_value("train_losses", None)
    print(f"{configuration}: epochs of MedSeg and then of nnU-Net, losses {losses}")
    # nnU-Net's Dice loss is the negative Dice, MedSeg's is 1 minus the Dice.
    check(f"{configuration}: the loss jumps: {losses}", abs(losses[-1] - losses[-2]) < 0.7)
    predicted_by_nnunet(model, "checkpoint_final.pth", FOLDER / "theirs_continued")
    medseg("predict", RAW / NAME / "imagesTr", "--nnunet", model, "--out", FOLDER / "ours_continued", "--quiet")
    compare_masks(f"{configuration} that nnU-Net continued", FOLDER / "ours_continued", FOLDER / "theirs_continued")
    said = medseg(
        "train", "--nnunet-plan", plans, "--data", RAW / NAME, "--configuration", configuration, "--fold", "1", "--out",
        FOLDER / "run_begun", "--set", f"init_from={model}/fold_0/checkpoint_final.pth", "--set", "iterations=1", "--set",
        "pseudo_dice.batches=1", "--set", "cache=none")
    check("the segmentation layers start from scratch", "the segmentation layers keep random" in said)


def pool(plans):
    """Trains five short folds, and compares their summary and postprocessing with nnU-Net's."""
    out = FOLDER / "folds"
    medseg("folds", plans, "--train", "--data", RAW / NAME, "--out", out, "--set", "iterations=150", "--set",
           "pseudo_dice.batches=2", "--set", "cache=none", "--quiet")
    masks = FOLDER / "pooled"
    masks.mkdir()
    for mask in out.glob("3d_fullres/fold_*/validation/*.nii.gz"):
        shutil.copy(mask, masks)
    check("each case is predicted once", len(list(masks.glob("*.nii.gz"))) == 6)
    compute_metrics_on_folder(str(RAW / NAME / "labelsTr"), str(masks), str(masks / "summary.json"), SimpleITKIO(), ".nii.gz",
                              [1, 2], None, 1)
    ours, theirs = (load_summary_json(str(file)) for file in (out / "3d_fullres/summary.json", masks / "summary.json"))
    compare_numbers("summary.mean", ours["mean"], theirs["mean"])
    compare_numbers("summary.foreground_mean", ours["foreground_mean"], theirs["foreground_mean"])
    cases = [{pathlib.Path(case["prediction_file"]).name: case["metrics"] for case in found["metric_per_case"]}
             for found in (ours, theirs)]
    compare_numbers("summary.metric_per_case", *cases)
    determine_postprocessing(str(masks), str(RAW / NAME / "labelsTr"), json.loads(plans.read_text()),
                             json.loads((RAW / NAME / "dataset.json").read_text()), 1)
    found, wanted = (json.loads((folder / "postprocessing.json").read_text()) for folder in (out, masks))
    for key in ("postprocessing_fns", "postprocessing_kwargs"):
        check(f"{key} is {found[key]}, nnU-Net's {wanted[key]}", found[key] == wanted[key])
    compare_numbers("postprocessed", found["postprocessed"], wanted["postprocessed"])
    print(f"postprocessing: {wanted['postprocessing_kwargs']}, mean Dice {wanted['input_folder']['foreground_mean']['Dice']:.4f} to "
          f"{wanted['postprocessed']['foreground_mean']['Dice']:.4f}")


def compare_numbers(what, ours, theirs):
    """Compares the numbers of two documents, in which null is NaN."""
    if isinstance(theirs, dict):
        check(f"{what}: {sorted(map(str, ours))}, nnU-Net's {sorted(map(str, theirs))}", set(ours) == set(theirs))
        for key in theirs:
            compare_numbers(f"{what}.{key}", ours.get(key), theirs[key])
        return
    is_same = numpy.isnan(theirs) if ours is None else abs(ours - theirs) <= 1e-12 * max(1, abs(theirs))
    check(f"{what} is {ours}, nnU-Net's {theirs}", is_same)


if __name__ == "__main__":
    write_dataset()
    file = plan()
    exchange(file, "3d_fullres", 250)
    # After a few steps classes are nearly equally probable, so the last bits decide many voxels.
    exchange(file, "2d", 100)
    pool(file)
    if faults:
        sys.exit("nnU-Net: " + "\n".join(faults))
    print(f"nnU-Net: ok, {checked} checks")
